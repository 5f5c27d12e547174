"""`kuato search`: ask whether pictures are known."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

import click

from matcher import expert, shapes
from matcher.commands import tables
from matcher.commands.inputs import ONE_PICTURE, Input, collected, exit_code, in_parallel, no_pictures
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.errors import BadRequest, KuatoError
from matcher.fingerprints.base import VectorFingerprint
from matcher.match import Answer
from matcher.records import Record

Question = tuple[str, Callable[[], Answer]]


@click.command()
@click.argument("paths", metavar="[FILE|FOLDER|-]...", nargs=-1, type=click.Path(allow_dash=True))
@click.option("--sha256", "digests", metavar="SHA", multiple=True, help="Ask with a known picture, which is not among the answers.")
@click.option("--text", "texts", metavar="WORDS", multiple=True, help="Ask for pictures on which such words can be read.")
@click.option("--describe", "descriptions", metavar="WORDS", multiple=True, help="Ask for pictures that show what these words say.")
@click.option("--bank", "banks", metavar="NAME", multiple=True, help="Answer only with pictures of this bank; several: of any of them.")
@click.option("--limit", metavar="N", type=click.IntRange(1, 10_000), help="Most matches of one answer; default: search.limit.")
@click.option("--algorithm", metavar="NAME", help="For experts: ask one algorithm alone (fingerprints.enabled).")
@click.option("--max-distance", metavar="D", type=float, help="With --algorithm: answer with what is at most so far, 0 to 1.")
@click.option("--min-similarity", metavar="S", type=float, help="With --algorithm: the same by the similarity, 1 - distance.")
@click.option("--metric", type=click.Choice(VectorFingerprint.METRICS), help="With --algorithm photodna: how to measure the distance.")
@click.option("--same-hash", metavar="NAME", help="For experts: answer with what has the same hash, such as dhash, and nothing else.")
@click.option(
    "--metadata",
    metavar="KEY=VALUE",
    multiple=True,
    help="With --algorithm or --same-hash: answer only with pictures that have a source of such metadata; several: all of them.",
)
@json_option
@pass_invocation
def search(
    invocation: Invocation,
    paths: tuple[str, ...],
    digests: tuple[str, ...],
    texts: tuple[str, ...],
    descriptions: tuple[str, ...],
    banks: tuple[str, ...],
    limit: int | None,
    algorithm: str | None,
    max_distance: float | None,
    min_similarity: float | None,
    metric: str | None,
    same_hash: str | None,
    metadata: tuple[str, ...],
    as_json: bool,
) -> None:
    """Ask whether pictures, or something like them, are known: YES, MAYBE or NO for each, and why.

    Nothing is remembered. The exit code tells whether the question could be answered, not what the answer is. For experts:
    --algorithm asks one algorithm alone, which by itself seldom says YES.
    """
    if not (paths or digests or texts or descriptions):
        raise BadRequest("search wants a picture: a file, a folder, - for standard input, or --sha256 of a known one; or --text")
    question = expert.Question.of(algorithm, same_hash, min_similarity, max_distance, metric)
    described = expert.Described(metadata)
    if metadata and question is None:
        raise BadRequest("--metadata goes with --algorithm or --same-hash")
    if question is not None and (texts or descriptions):
        raise BadRequest("--algorithm and --same-hash go with pictures, not with --text or --describe")
    matcher, most = invocation.matcher, invocation.settings["picture.max_bytes"]
    limit = limit or invocation.settings["search.limit"]
    for bank in banks:
        matcher.banks.get(bank)

    def known(sha256: str) -> Answer:
        if question is not None:
            return matcher.search_sha256_by(question, sha256, limit=limit, banks=banks or None, exclude=other)
        return matcher.search_sha256(sha256, limit=limit, banks=banks or None)

    def read(text: str) -> Answer:
        return matcher.search_text(text, limit=limit, banks=banks or None)

    def shown(text: str) -> Answer:
        return matcher.search_description(text, limit=limit, banks=banks or None)

    def seen(one: Input) -> Answer:
        data, name = one.read(most), tables.visible(one.name)
        if question is not None:
            return matcher.search_by(question, data, limit=limit, banks=banks or None, exclude=other, name=name)
        return matcher.search(data, limit=limit, banks=banks or None, name=name)

    def other(record: Record) -> bool:
        return not described(record)

    def questions() -> Iterator[Question]:
        yield from ((sha256, partial(known, sha256)) for sha256 in digests)
        yield from ((text, partial(read, text)) for text in texts)
        yield from ((text, partial(shown, text)) for text in descriptions)
        yield from ((one.name, partial(seen, one)) for one in collected(paths) if one.is_picture())

    errors, asked = list[KuatoError](), 0
    with closing(in_parallel(_ask, questions(), invocation.threads)) as outcomes:
        for query, outcome in outcomes:
            asked += 1
            if isinstance(outcome, KuatoError):
                errors.append(outcome)
                tables.failed(outcome, {"query": query}, as_json)
            elif as_json:
                tables.emit(shapes.answer(query, outcome))
            else:
                tables.answer(query, outcome)
    if not asked:
        raise no_pictures(paths)
    click.get_current_context().exit(exit_code(errors))


def _ask(question: Question) -> tuple[str, Answer | KuatoError]:
    query, ask = question
    try:
        return query, ask()
    except ONE_PICTURE as error:
        return query, error
