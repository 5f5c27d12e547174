"""`kuato sample`: pictures to label, for the calibration."""

import random
import shutil
from collections.abc import Iterator
from contextlib import closing
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING

import click

from matcher.commands import tables
from matcher.commands.inputs import ONE_PICTURE, Input, as_text, collected, exit_code, in_parallel, no_pictures
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.errors import BadRequest, Conflict, KuatoError, NotFound
from matcher.extraction import Fingerprints

if TYPE_CHECKING:
    from matcher.sampling import Sample

GRAPH = "graph.json"


@click.command()
@click.argument("count", metavar="N", type=click.IntRange(2, 10_000))
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option("--from", "origins", metavar="FOLDER", multiple=True, type=click.Path(), help="Where the pictures are; default: known files.")
@click.option("--look-at", metavar="M", type=click.IntRange(2), default=2000, show_default=True, help="Choose among so many, at random.")
@click.option("--seed", metavar="S", type=click.IntRange(0), default=1, show_default=True, help="Of the drawing.")
@json_option
@pass_invocation
def sample(invocation: Invocation, count: int, folder: str, origins: tuple[str, ...], look_at: int, seed: int, as_json: bool) -> None:
    """Draw N pictures to label into a new folder, with a subfolder for each group that probably belongs together.

    Drawn are pictures that are probably the same, such as are doubtful, and others. Doubtful ones are in subfolders of _unsure, which
    the calibration leaves out: move what belongs together into a subfolder of DIR of its own, and what belongs to no other into DIR
    itself. Or label DIR/graph.json with VisJS-Classificator. Then `kuato calibrate DIR DIR`, or DIR DIR/graph.json.
    """
    from matcher.decision import Rules
    from matcher.fingerprints import registry
    from matcher.pool import WorkerPool
    from matcher.sampling import Likeness, drawn

    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Conflict(f"{as_text(folder)} exists and is not empty; name a new folder")
    if not target.absolute().parent.is_dir():
        raise NotFound(f"there is no folder {as_text(str(target.absolute().parent))}; make it first")
    inputs = [one for one in collected(origins) if one.is_picture()] if origins else list(_known(invocation))
    if not inputs:
        raise no_pictures(origins) if origins else BadRequest("no known picture's file is to be found here; name a folder (--from)")
    inputs = random.Random(seed).sample(inputs, min(look_at, len(inputs)))  # noqa: S311 - a sample, no secret
    settings = invocation.settings
    algorithms = registry.load(settings["fingerprints.enabled"] or None, settings)
    likeness = Likeness(algorithms, Rules.load(settings["decision.rules"] or None))
    errors, names = list[KuatoError](), list[str]()

    with WorkerPool.of(settings, algorithms) as pool:

        def look(one: Input) -> tuple[Input, Fingerprints | KuatoError]:
            try:
                return one, pool.fingerprint(one.read(settings["picture.max_bytes"]), query=True, name=tables.visible(one.name))
            except ONE_PICTURE as error:
                return one, error

        bar = tables.progress("comparing", len(inputs))
        with bar as advance, closing(in_parallel(look, inputs, invocation.threads)) as outcomes:
            for done, (one, outcome) in enumerate(outcomes, 1):
                advance(done)
                if isinstance(outcome, KuatoError):
                    errors.append(outcome)
                    tables.failed(outcome, {"file": one.name}, as_json)
                elif likeness.add(one.path, outcome):
                    names.append(one.path)
    if len(names) < 2:
        raise BadRequest("there are fewer than two different pictures; a sample needs more")
    found = drawn(names, likeness.ties, count, seed)
    _write(found, target)
    groups = {"clusters": len(found.clusters), "doubtful": len(found.doubtful), "singles": len(found.singles)}
    if as_json:
        tables.emit({"folder": as_text(folder), "pictures": len(found.names), **groups})
    else:
        said = f"{groups['clusters']} groups that probably belong together, {groups['doubtful']} doubtful ones, {groups['singles']} others"
        tables.say(f"{len(found.names)} pictures of {len(names)} are in {as_text(folder)}: {said}")
        tables.say(
            f"move files until every subfolder is one picture in variants, then: kuato calibrate {as_text(folder)} {as_text(folder)} .."
        )
    click.get_current_context().exit(exit_code(errors))


def _known(invocation: Invocation) -> Iterator[Input]:
    """Yield the files that known pictures were seen in, where they still are."""
    for record in invocation.matcher.find(source="file", limit=None):
        paths = (source.id for source in record.sources if source.kind == "file")
        yield from (Input(path, found=True) for path in list(paths)[:1] if Path(path).is_file())


def _write(found: "Sample", folder: Path) -> None:
    """Copy the pictures to where they seem to belong, and write the graph of it."""
    from matcher.truth import GroundTruth
    from matcher.visjs import as_graph

    named = _named(found)
    for path, name in named.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    clusters = {f"cluster-{number:02}": tuple(named[path] for path in group) for number, group in enumerate(found.clusters, 1)}
    rest = [named[path] for group in found.doubtful for path in group] + [named[path] for path in found.singles]
    ties = [(named[tie.a], named[tie.b], tie.distance) for tie in found.ties]
    graph = as_graph(GroundTruth(clusters, tuple(rest)), ties)
    (folder / GRAPH).write_text(dumps(graph, indent=1) + "\n", encoding="utf-8")


def _named(found: "Sample") -> dict[str, str]:
    """Return where each picture goes, below the folder, each with a file name of its own."""
    from matcher.labelled import UNSURE

    taken = set[str]()
    places: dict[str, str] = {}
    groups = [(f"cluster-{number:02}/", group) for number, group in enumerate(found.clusters, 1)]
    groups += [(f"{UNSURE}/maybe-{number:02}/", group) for number, group in enumerate(found.doubtful, 1)]
    for place, group in [*groups, ("", found.singles)]:
        for path in group:
            name = as_text(Path(path).name)
            for number in range(2, len(places) + 3):
                if name not in taken:
                    break
                name = f"{as_text(Path(path).stem)}-{number}{Path(path).suffix}"
            taken.add(name)
            places[path] = f"{place}{name}"
    return places
