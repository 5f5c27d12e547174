"""Labelled pictures on disk: the files of a folder, and the ground truth of them in any form that is read."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from matcher.errors import BadFile, BadRequest, NotFound
from matcher.formats import sniff
from matcher.truth import GroundTruth
from matcher.visjs import is_graph, read_graph

UNSURE = "_unsure"
_HEAD = 32
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Labelled:
    """Pictures with labels. path_of: name in the ground truth -> file."""

    truth: GroundTruth
    path_of: Mapping[str, Path]


def read(images: Path, truth: Path) -> Labelled:
    """Return the pictures of a folder that a ground truth names: our JSON, VisJS-Classificator's, or a folder with a subfolder a cluster.

    Pictures of the folder without a label are left out. Raises NotFound, BadRequest without pictures, BadFile for labels that cannot be
    read, contradict each other, or name a file that is not in the folder.
    """
    found = pictures_of(images)
    if truth.is_dir():
        same_folder = truth.resolve() == images.resolve()
        labels = read_folder(truth, found if same_folder else None, with_folders=same_folder)
    else:
        labels = read_file(truth)
    located = locate(labels, found, images)
    known = labels.renamed({name: new for name, new in located.items() if new != name})
    return Labelled(known, {name: found[name] for name in located.values()})


def pictures_of(folder: Path) -> dict[str, Path]:
    """Return the pictures in a folder and below it: path in the folder, with "/" -> file. Raises NotFound, BadRequest."""
    if not folder.is_dir():
        raise NotFound(f"{folder} is no folder; name one that holds pictures")
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and _is_picture(path))
    if not paths:
        raise BadRequest(f"{folder} holds no pictures; name a folder of pictures")
    return {path.relative_to(folder).as_posix(): path for path in paths}


def read_file(path: Path) -> GroundTruth:
    """Return the ground truth of a JSON file, ours or VisJS-Classificator's. Raises NotFound, BadRequest, BadFile."""
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise NotFound(f"{path} does not exist; name a ground truth: a JSON file, or a folder with a subfolder a cluster") from None
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{path} is no JSON: {error}") from error
    if is_graph(document):
        return read_graph(document, str(path))
    if not isinstance(document, dict) or "clusters" not in document:
        raise BadFile(f'{path} is no ground truth: it has neither "clusters" (ours) nor "nodes" (VisJS-Classificator)')
    return GroundTruth.from_json(document, str(path))


def read_folder(folder: Path, found: Mapping[str, Path] | None = None, with_folders: bool = True) -> GroundTruth:
    """Return the ground truth that a folder is: every subfolder a cluster, what lies in the folder itself belongs to no other.

    Pictures in the subfolder `_unsure` are left out. found: what `pictures_of` says, where that is known.
    with_folders: whether a picture is called by its path in the folder, or by the name of its file alone.
    Raises NotFound, BadRequest, BadFile for a picture in two subfolders.
    """
    clusters: dict[str, dict[str, None]] = {}
    singles: dict[str, None] = {}
    for name in pictures_of(folder) if found is None else found:
        cluster, within, _ = name.partition("/")
        called = name if with_folders else name.rpartition("/")[2]
        if not within:
            singles[called] = None
        elif cluster != UNSURE:
            clusters.setdefault(cluster, {})[called] = None
    try:
        return GroundTruth({cluster: tuple(names) for cluster, names in clusters.items()}, tuple(singles))
    except BadFile as error:
        raise BadFile(f"{folder}: {error}") from error


def locate(truth: GroundTruth, found: Mapping[str, Path], folder: Path) -> dict[str, str]:
    """Return under which name of `found` each picture of the ground truth is.

    A picture may be named without its subfolder where there is but one of that name, or by its SHA-256; a .bmp may have become a .png.
    Raises BadFile.
    """
    counts = Counter(name.rpartition("/")[2] for name in found)
    bare = {name.rpartition("/")[2]: name for name in found}
    located: dict[str, str] = {}
    for name in truth.names:
        tried = [name, *([f"{name[:-4]}.png"] if name.lower().endswith(".bmp") else [])]
        fitting = [each if each in found else bare[each] for each in tried if each in found or counts[each] == 1]
        if fitting:
            located[name] = fitting[0]
    if any(_SHA256.fullmatch(name) for name in truth.names if name not in located):
        named = {sha256(path.read_bytes()).hexdigest(): name for name, path in found.items()}
        located |= {name: named[name] for name in truth.names if name not in located and name in named}
    missing = [name for name in truth.names if name not in located]
    if missing:
        twice = [name for name in missing if counts[name] > 1]
        if twice:
            raise BadFile(f"{folder} has {counts[twice[0]]} files called {twice[0]}; name it with its subfolder in the ground truth")
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise BadFile(f"{folder} does not hold {', '.join(missing[:3])}{more}, which the ground truth names; is it another folder?")
    return located


def _is_picture(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return sniff(file.read(_HEAD)) is not None
    except OSError:
        return False
