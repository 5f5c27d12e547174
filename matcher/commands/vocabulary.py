"""`kuato vocabulary`: the visual words of the algorithm bow."""

from contextlib import closing
from pathlib import Path

import click

from matcher.commands import tables
from matcher.commands.inputs import ONE_PICTURE, Input, as_text, collected, exit_code, in_parallel, no_pictures
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.errors import Conflict, KuatoError

# Bytes of features held at most, of some 60,000 pictures; of more pictures, those that come first count.
_MOST = 1 << 30


@click.group()
def vocabulary() -> None:
    """Visual words of the algorithm bow."""


@vocabulary.command()
@click.argument("paths", metavar="IMAGES...", nargs=-1, required=True, type=click.Path())
@click.option("--words", metavar="K", default=1000, show_default=True, type=click.IntRange(2, 65_535), help="How many words to make.")
@click.option("--out", metavar="FILE", required=True, type=click.Path(), help="Where the words go, as a NumPy array.")
@click.option("--seed", metavar="N", default=0, show_default=True, type=click.IntRange(0), help="Start from other words.")
@click.option("--force", is_flag=True, help="Write over a file that exists.")
@json_option
@pass_invocation
def build(invocation: Invocation, paths: tuple[str, ...], words: int, out: str, seed: int, force: bool, as_json: bool) -> None:
    """Make a vocabulary from pictures, for the setting bow.vocabulary; needs no Redis.

    Some hundred pictures of the kind that is searched are enough. Features of the pictures are grouped until no group changes
    (k-majority); the same pictures give the same words. Pictures that were added with another vocabulary are not compared by bow
    until they are added again.
    """
    import numpy as np

    from matcher.fingerprints.orb_ransac import ORBRansac, unpacked
    from matcher.pool import WorkerPool
    from matcher.vocabulary import build as make

    if Path(out).exists() and not force:
        raise Conflict(f"{as_text(out)} exists already; name another file, or give --force")
    settings = invocation.settings
    inputs = [one for one in collected(paths) if one.is_picture()]
    if not inputs:
        raise no_pictures(paths)
    errors, found, held = list[KuatoError](), [], 0

    with WorkerPool(settings.limits(), [ORBRansac.name], settings["workers.count"]) as pool:

        def look(one: Input) -> tuple[Input, bytes | KuatoError]:
            try:
                fingerprints = pool.fingerprint(one.read(settings["picture.max_bytes"]), name=tables.visible(one.name))
                return one, fingerprints.values.get(ORBRansac.name, b"")
            except ONE_PICTURE as error:
                return one, error

        bar = tables.progress("finding features", len(inputs))
        with bar as advance, closing(in_parallel(look, inputs, invocation.threads)) as outcomes:
            for done, (one, outcome) in enumerate(outcomes, 1):
                advance(done)
                if isinstance(outcome, KuatoError):
                    errors.append(outcome)
                    tables.failed(outcome, {"file": one.name}, as_json)
                elif outcome and held < _MOST:
                    found.append(unpacked(outcome).descriptors)
                    held += len(outcome)
    descriptors = np.concatenate([np.zeros((0, 32), np.uint8), *found])
    with tables.progress("grouping them, rounds", None) as advance:
        made, clustering = make(descriptors, words, seed, lambda turn, _apart: advance(turn))
    made.save(Path(out), replace=force)
    bits = clustering.apart / max(len(clustering.labels), 1)
    if as_json:
        tables.emit(
            {
                "out": as_text(out),
                "words": len(made),
                "digest": made.digest.hex(),
                "pictures": len(inputs) - len(errors),
                "features": len(descriptors),
                "rounds": clustering.rounds,
                "settled": clustering.settled,
                "bits_from_word": round(bits, 2),
            }
        )
    else:
        pictures = len(inputs) - len(errors)
        tables.say(f"{len(made):,} words of {len(descriptors):,} features in {pictures:,} pictures, {clustering.rounds} rounds")
        tables.say(f"a feature differs from its word in {bits:.1f} of 256 bits; digest {made.digest.hex()}")
        tables.say(f"in use with bow.vocabulary = {as_text(out)}")
    click.get_current_context().exit(exit_code(errors))
