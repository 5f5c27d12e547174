"""`kuato search`: ask whether pictures are known."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

import click

from matcher import shapes
from matcher.commands import tables
from matcher.commands.inputs import ONE_PICTURE, Input, collected, exit_code, in_parallel, no_pictures
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.errors import BadRequest, KuatoError
from matcher.match import Answer

Question = tuple[str, Callable[[], Answer]]


@click.command()
@click.argument("paths", metavar="[FILE|FOLDER|-]...", nargs=-1, type=click.Path(allow_dash=True))
@click.option("--sha256", "digests", metavar="SHA", multiple=True, help="Ask with a known picture, which is not among the answers.")
@click.option("--text", "texts", metavar="WORDS", multiple=True, help="Ask for pictures on which such words can be read.")
@click.option("--describe", "descriptions", metavar="WORDS", multiple=True, help="Ask for pictures that show what these words say.")
@click.option("--bank", "banks", metavar="NAME", multiple=True, help="Answer only with pictures of this bank; several: of any of them.")
@click.option("--limit", metavar="N", type=click.IntRange(1, 10_000), help="Most matches of one answer; default: search.limit.")
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
    as_json: bool,
) -> None:
    """Ask whether pictures, or something like them, are known: YES, MAYBE or NO for each, and why.

    Nothing is remembered. The exit code tells whether the question could be answered, not what the answer is.
    """
    if not (paths or digests or texts or descriptions):
        raise BadRequest("search wants a picture: a file, a folder, - for standard input, or --sha256 of a known one; or --text")
    matcher, most = invocation.matcher, invocation.settings["picture.max_bytes"]
    limit = limit or invocation.settings["search.limit"]
    for bank in banks:
        matcher.banks.get(bank)

    def known(sha256: str) -> Answer:
        return matcher.search_sha256(sha256, limit=limit, banks=banks or None)

    def read(text: str) -> Answer:
        return matcher.search_text(text, limit=limit, banks=banks or None)

    def shown(text: str) -> Answer:
        return matcher.search_description(text, limit=limit, banks=banks or None)

    def seen(one: Input) -> Answer:
        return matcher.search(one.read(most), limit=limit, banks=banks or None, name=tables.visible(one.name))

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
