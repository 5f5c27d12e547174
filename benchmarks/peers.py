"""What others' rules answer on a folder of pictures, in the form of `kuato evaluate`, to be scored beside Kuato.

    python benchmarks/peers.py IMAGES --out FOLDER
    python benchmarks/peers.py IMAGES --out FOLDER --also kuato=predictions.jsonl --truth ground_truth.json --scorer score.py

Each peer searches every picture among all the others and writes FOLDER/PEER.jsonl; with a ground truth and the program that scores
predictions, a table is printed. Peers:

    phash-same, dhash-same   pictures with the same hash: a key-value lookup
    phash-10                 64-bit pHash of ImageHash within 10 bits: imagededup's default
    pdq-31                   pdqhash within 31 bits, quality 50 or more: Hasher-Matcher-Actioner
    pdq-31-turned            the same, asked with all eight turns that pdqhash derives
    photodna-93              the PhotoDNA-like vector at a similarity of .93 or more, where that algorithm is installed
    douglas-quaid            all pairs by Douglas-Quaid's default rule, its clusters left out (`douglas_quaid` tells how)
"""

import argparse
import io
import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import imagehash
import numpy as np
import pdqhash
import tlsh
from numpy.typing import NDArray
from PIL import Image

from matcher.fingerprints import registry
from matcher.fingerprints.bow import correlation
from matcher.picture import Picture
from matcher.vocabulary import Vocabulary

LIMIT = 200
PHOTODNA = "photodna"


@dataclass(frozen=True)
class Seen:
    """One picture as the peers see it: not turned by EXIF, transparency dropped, at full size.

    phash, dhash: 64 bits. pdq: 256 bits of the picture and of its seven turns, none below quality 50. descriptors: of OpenCV's
    500 ORB features, uint8 (n, 32). photodna: 144 values, None where that is not installed, or sees nothing.
    """

    path: Path
    phash: bytes
    dhash: bytes
    pdq: tuple[bytes, ...]
    descriptors: NDArray[np.uint8]
    photodna: bytes | None


@dataclass(frozen=True)
class Found:
    """One answer: the place of the other picture in the list."""

    other: int
    decision: str
    distance: float


Answers = dict[int, list[Found]]


def see(path: Path) -> Seen | None:
    """Return what the peers compute from a file; None for what Pillow cannot read."""
    data = path.read_bytes()
    try:
        with Image.open(io.BytesIO(data)) as image:
            rgb = image.convert("RGB")
            hashes = [np.packbits(hash_of(image).hash).tobytes() for hash_of in (imagehash.phash, imagehash.dhash)]
    except (OSError, ValueError):
        return None
    pixels = np.ascontiguousarray(rgb)
    turns, quality = pdqhash.compute_dihedral(pixels)
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint8:
        decoded = pixels[..., ::-1].copy()
    _, descriptors = cv2.ORB.create().detectAndCompute(decoded, None)
    vector = None
    if PHOTODNA in registry.available():
        vector = registry.load([PHOTODNA])[PHOTODNA].compute(Picture(data, "", rgb.size, pixels))
    found = np.zeros((0, 32), np.uint8) if descriptors is None else descriptors
    pdq = tuple(np.packbits(bits).tobytes() for bits in turns) if quality >= 50 else ()
    return Seen(path, *hashes, pdq, found, vector)


def tlsh_of_bmp(path: Path) -> str:
    """Return TLSH of the picture saved as an uncompressed BMP, 70 digits, "" where it has too little variety."""
    buffer = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(buffer, "BMP")
    found = tlsh.hash(buffer.getvalue())
    return "" if found in ("", "TNULL") else found.removeprefix("T1")


def within(pictures: Sequence[Seen], hashes_of: Callable[[Seen], Sequence[bytes]], most: int) -> Answers:
    """Answer YES to all whose first hash differs from any of a picture's in so many bits at most; without a hash, nothing is found."""
    having = [n for n, picture in enumerate(pictures) if hashes_of(picture)]
    hashes = np.frombuffer(b"".join(hashes_of(pictures[n])[0] for n in having), np.uint8).reshape(len(having), -1)
    answers: Answers = {}
    for row, n in enumerate(having):
        asked = [np.frombuffer(one, np.uint8) for one in hashes_of(pictures[n])]
        differing = np.min([np.bitwise_count(hashes ^ one).sum(axis=1, dtype=np.int64) for one in asked], axis=0)
        near = [other for other in np.flatnonzero(differing <= most).tolist() if other != row]
        answers[n] = [Found(having[other], "YES", differing[other] / hashes.shape[1] / 8) for other in near]
    return answers


def photodna(pictures: Sequence[Seen], least: float) -> Answers:
    """Answer YES to all of so much similarity at least."""
    algorithm = registry.load([PHOTODNA])[PHOTODNA]
    having = [(n, picture.photodna) for n, picture in enumerate(pictures) if picture.photodna is not None]
    answers: Answers = {}
    for n, vector in having:
        distances = algorithm.distance(vector, [other for _, other in having])
        near = [place for place in np.flatnonzero(distances <= 1 - least).tolist() if having[place][0] != n]
        answers[n] = [Found(having[place][0], "YES", float(distances[place])) for place in near]
    return answers


# Name: bounds of YES and MAYBE, weight. Distances of hashes are bits / 256, as there.
RULE = {
    "P_HASH": (0.08, 0.08, 1),
    "D_HASH": (0.04, 0.08, 1),
    "TLSH": (0.16, 0.18, 1),
    "BOW_ORB": (0.08, 0.32, 5),
    "RANSAC_ORB": (0.08, 0.32, 10),
}
ORDER = ("YES", "MAYBE", "NO")


def merged(distances: dict[str, float]) -> tuple[str, float]:
    """Return decision and distance of a pair as Douglas-Quaid merges those of its algorithms by default.

    Weighted majority, where the first of YES, MAYBE, NO wins a tie; weighted mean.
    """
    votes: Counter[str] = Counter()
    for name, distance in distances.items():
        yes, maybe, weight = RULE[name]
        votes["YES" if distance <= yes else "MAYBE" if distance <= maybe else "NO"] += weight
    weights = {name: RULE[name][2] for name in distances}
    mean = sum(distance * weights[name] for name, distance in distances.items()) / sum(weights.values())
    return max(ORDER, key=lambda decision: votes[decision]), mean


def douglas_quaid(pictures: Sequence[Seen], pool: ProcessPoolExecutor) -> Answers:
    """Answer by Douglas-Quaid's default configuration: pHash, dHash, TLSH of the BMP, ORB words, ORB with RANSAC.

    RANSAC_ORB has 10 of 18 votes and is 1, a NO, unless more than 10 descriptors are identical; so only such pairs, and those of
    two pictures without features, where it takes no part, need be looked at. That leaves nothing out. The words are of our
    vocabulary, as theirs is not at hand; their 5 votes never outweigh RANSAC's.
    """
    featureless = [n for n, picture in enumerate(pictures) if not len(picture.descriptors)]
    pairs = sorted({*alike(pictures), *combinations(featureless, 2)})
    met = sorted({n for pair in pairs for n in pair})
    digests = dict(zip(met, pool.map(tlsh_of_bmp, [pictures[n].path for n in met], chunksize=8), strict=True))
    vocabulary = Vocabulary.load()
    words = {n: np.bincount(vocabulary.word_of(pictures[n].descriptors), minlength=len(vocabulary)) for n in met}
    answers: Answers = defaultdict(list)
    for a, b in pairs:
        found = {
            "P_HASH": differing(pictures[a].phash, pictures[b].phash) / 256,
            "D_HASH": differing(pictures[a].dhash, pictures[b].dhash) / 256,
        }
        if digests[a] and digests[b]:
            found["TLSH"] = tlsh.diff(digests[a], digests[b]) / 1120
        if words[a].any() and words[b].any():
            shares = [words[n] / words[n].sum() for n in (a, b)]
            found["BOW_ORB"] = 2 * float(correlation(shares[0], shares[1][None])[0])
            found["RANSAC_ORB"] = ransac_orb(pictures[a].descriptors, pictures[b].descriptors)
        decision, distance = merged(found)
        if decision != "NO":
            answers[a].append(Found(b, decision, distance))
            answers[b].append(Found(a, decision, distance))
    return answers


def alike(pictures: Sequence[Seen]) -> Iterator[tuple[int, int]]:
    """Yield the pairs that have more than 10 descriptors in common."""
    holders = defaultdict[bytes, list[int]](list)
    for n, picture in enumerate(pictures):
        for descriptor in {row.tobytes() for row in picture.descriptors}:
            holders[descriptor].append(n)
    shared: Counter[tuple[int, int]] = Counter()
    for some in holders.values():
        shared.update(combinations(some, 2))
    return (pair for pair, count in shared.items() if count > 10)


def ransac_orb(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Return what RANSAC_ORB really gave: ORB's distance where more than 10 matches are of identical descriptors, else 1."""
    matches = [m.distance for m in cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(a, b)]
    identical, good = (sum(distance < least for distance in matches) for least in (0.65, 64))
    return 1 - good / len(matches) if identical > 10 else 1.0


def differing(a: bytes, b: bytes) -> int:
    """Return how many bits differ."""
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).bit_count()


def write(answers: Answers, pictures: Sequence[Seen], path: Path) -> None:
    """Write one line a picture, the nearest first."""
    lines = []
    for n, picture in enumerate(pictures):
        best = sorted(answers.get(n, ()), key=lambda one: (ORDER.index(one.decision), one.distance))[:LIMIT]
        found = [{"file": pictures[one.other].path.name, "decision": one.decision, "distance": round(one.distance, 4)} for one in best]
        lines.append(json.dumps({"query": picture.path.name, "matches": found}) + "\n")
    path.write_text("".join(lines))


COLUMNS = ("base_yes", "base_any", "top1", "precision_yes", "precision_base", "lone_yes_per_1000", "review_load")


def table(predictions: dict[str, Path], truth: Path, scorer: Path) -> Iterator[str]:
    """Yield the lines of a table of scores."""
    yield "| | " + " | ".join(COLUMNS) + " |"
    yield "|---" * (len(COLUMNS) + 1) + "|"
    for name, path in predictions.items():
        done = subprocess.run([sys.executable, scorer, truth, path, "--json"], check=True, capture_output=True, text=True)
        scores: dict[str, Any] = json.loads(done.stdout)["all"]
        yield f"| {name} | " + " | ".join(str(scores[column]) for column in COLUMNS) + " |"


def peers(pool: ProcessPoolExecutor) -> dict[str, Callable[[Sequence[Seen]], Answers]]:
    """Return the rule of each peer."""
    found: dict[str, Callable[[Sequence[Seen]], Answers]] = {
        "phash-same": partial(within, hashes_of=lambda picture: [picture.phash], most=0),
        "dhash-same": partial(within, hashes_of=lambda picture: [picture.dhash], most=0),
        "phash-10": partial(within, hashes_of=lambda picture: [picture.phash], most=10),
        "pdq-31": partial(within, hashes_of=lambda picture: picture.pdq[:1], most=31),
        "pdq-31-turned": partial(within, hashes_of=lambda picture: picture.pdq, most=31),
        "douglas-quaid": partial(douglas_quaid, pool=pool),
    }
    if PHOTODNA in registry.available():
        found["photodna-93"] = partial(photodna, least=0.93)
    return found


def seen(files: Iterable[Path], pool: ProcessPoolExecutor) -> list[Seen]:
    """Return what the peers compute from each file that Pillow reads."""
    pictures = list[Seen]()
    for done, picture in enumerate(pool.map(see, files, chunksize=8), 1):
        if picture is not None:
            pictures.append(picture)
        if done % 100 == 0 and sys.stderr.isatty():
            print(f"\r{done} files", end="", file=sys.stderr)
    return pictures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder for the predictions")
    parser.add_argument("--peers", nargs="*", help="some of them only")
    parser.add_argument("--also", nargs="*", default=[], metavar="NAME=FILE", help="other predictions for the table")
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--scorer", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    files = sorted(path for path in options.images.iterdir() if path.is_file())
    predictions = {name: Path(path) for name, _, path in (one.partition("=") for one in options.also)}
    with ProcessPoolExecutor() as pool:
        pictures = seen(files, pool)
        for name, rule in peers(pool).items():
            if not options.peers or name in options.peers:
                predictions[name] = options.out / f"{name}.jsonl"
                write(rule(pictures), pictures, predictions[name])
                print(f"{name}: {predictions[name]}", file=sys.stderr)
    if options.truth and options.scorer:
        print("\n".join(table(predictions, options.truth, options.scorer)))


if __name__ == "__main__":
    main()
