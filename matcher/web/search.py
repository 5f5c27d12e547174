"""Searching and comparing: nothing of it is remembered."""

from typing import Annotated, Any, Literal

from pydantic import Field

from matcher import shapes
from matcher.errors import BadPicture, BadRequest, DecodeCrash, FetchFailed, FetchRefused, Late, NotAPicture, NotFound, TooLarge
from matcher.expert import Described, Question
from matcher.extraction import AS_IS, Fingerprints
from matcher.textsearch import LONGEST
from matcher.tokens import Role
from matcher.web.access import shown_to
from matcher.web.acts import Acts
from matcher.web.operation import PICTURE, Call, Model, Routes, Upload
from matcher.web.parts import BankName, Limit
from matcher.web.reading import content, name_of
from matcher.web.services import Services

routes = Routes("search")

# What can go wrong when a picture comes from another server.
FETCHING = (FetchRefused, FetchFailed, Late, BadPicture, NotAPicture, TooLarge, DecodeCrash)
_Hex = Annotated[str, Field(max_length=1 << 18, pattern="^([0-9A-Fa-f]{2})*$")]
_Name = Annotated[str, Field(min_length=1, max_length=64)]


class Searching(Model):
    """How to search."""

    limit: Limit | None = None
    bank: Annotated[tuple[BankName, ...], Field(max_length=50, description="Only pictures in one of these banks.")] = ()


class Expert(Searching):
    """How to search by one algorithm. Distances and similarities are from 0 to 1; the one is 1 less the other."""

    algorithm: Annotated[_Name | None, Field(description="One that is enabled, such as photodna.")] = None
    max_distance: Annotated[float, Field(ge=0, le=1)] | None = None
    min_similarity: Annotated[float, Field(ge=0, le=1)] | None = None
    metric: Annotated[Literal["euclidean", "manhattan"] | None, Field(description="Of vectors: photodna.")] = None
    same_hash: Annotated[_Name | None, Field(description="Instead of an algorithm: what has the same hash, such as dhash.")] = None
    metadata: Annotated[
        tuple[Annotated[str, Field(max_length=1000)], ...],
        Field(max_length=20, description="KEY=VALUE: only pictures that have a source of such metadata."),
    ] = ()


class ByUrl(Model):
    """A picture on another server."""

    url: Annotated[str, Field(min_length=8, max_length=4096)]
    limit: Limit | None = None
    banks: Annotated[tuple[BankName, ...], Field(max_length=50)] = ()


class ByFingerprints(Model):
    """A picture by its fingerprints alone, so that its pixels stay where they are.

    fingerprints: algorithm -> hexadecimal, as `kuato hash --json` and POST /hash give them. sha256: of its bytes, where known.
    """

    fingerprints: Annotated[dict[_Name, _Hex], Field(max_length=32)]
    sha256: Annotated[str, Field(pattern="^[0-9A-Fa-f]{64}$")] | None = None
    limit: Limit | None = None
    banks: Annotated[tuple[BankName, ...], Field(max_length=50)] = ()


class ByText(Model):
    """Words that can be read on a picture, or say what it shows."""

    text: Annotated[str, Field(min_length=2, max_length=LONGEST)]
    limit: Limit | None = None
    banks: Annotated[tuple[BankName, ...], Field(max_length=50)] = ()


class Hashing(Model):
    """Which fingerprints to compute."""

    algorithm: Annotated[tuple[_Name, ...], Field(max_length=32, description="Only these; all that are enabled by default.")] = ()


@routes.post("/search", role=Role.SEARCH, query=Searching, body=Upload(raw=True), returns=shapes.Answer, errors=(NotFound,), audit="search")
def search_picture(call: Call) -> shapes.Answer:
    """Tell which known pictures a picture may be: YES, MAYBE or NO, and why."""
    file = call.files[PICTURE][0]
    data = content(file, call.services.settings)
    found = acts_of(call).search(data, name_of(file), limit=check_limit(call, call.query.limit), banks=call.query.bank)
    return _answered(call, found)


@routes.post(
    "/search/expert", role=Role.SEARCH, query=Expert, body=Upload(raw=True), returns=shapes.Answer, errors=(NotFound,), audit="search"
)
def search_expert(call: Call) -> shapes.Answer:
    """Tell which known pictures one algorithm finds near a picture, for experts."""
    asked, file, acts = call.query, call.files[PICTURE][0], acts_of(call)
    question = Question.of(asked.algorithm, asked.same_hash, asked.min_similarity, asked.max_distance, asked.metric)
    if question is None:
        raise BadRequest("say by which algorithm: algorithm, or same_hash")
    described = Described(asked.metadata)
    found = call.services.matcher.search_by(
        question,
        content(file, call.services.settings),
        limit=check_limit(call, asked.limit),
        banks=acts.searched_banks(asked.bank),
        # By what the caller may know of a picture, no more.
        exclude=lambda record: acts.hidden(record) or not described(call.caller.part(record)),
        name=name_of(file),
        waiting=call.services.settings["web.busy_seconds"],
    )
    return _answered(call, acts.answer(name_of(file), found))


@routes.post("/search/fetch", role=Role.SEARCH, body=ByUrl, returns=shapes.Answer, errors=(NotFound, *FETCHING), audit="search")
def search_url(call: Call) -> shapes.Answer:
    """Fetch a picture from another server and tell which known pictures it may be.

    Off unless the operator allows hosts (fetch.allow); what is not public is never asked.
    """
    data = call.services.fetcher.fetch(call.body.url).data
    found = acts_of(call).search(data, "the file at this URL", limit=check_limit(call, call.body.limit), banks=call.body.banks)
    return _answered(call, found)


@routes.post("/search/fingerprints", role=Role.SEARCH, body=ByFingerprints, returns=shapes.Answer, errors=(NotFound,), audit="search")
def search_fingerprints(call: Call) -> shapes.Answer:
    """Tell which known pictures have such fingerprints."""
    matcher, asked = call.services.matcher, call.body
    values = {name: bytes.fromhex(value) for name, value in asked.fingerprints.items()}
    matcher.check_fingerprints(values)
    query = Fingerprints((asked.sha256 or "0" * 64).lower(), "FINGERPRINT", (0, 0), 0, {AS_IS: values})
    acts = acts_of(call)
    found = matcher.search_fingerprints(
        query, limit=check_limit(call, asked.limit), banks=acts.searched_banks(asked.banks), exclude=acts.hidden
    )
    return _answered(call, acts.answer(asked.sha256 or "fingerprints", found))


@routes.post("/search/text", role=Role.SEARCH, body=ByText, returns=shapes.Answer, errors=(NotFound,), audit="search")
def search_text(call: Call) -> shapes.Answer:
    """Tell on which known pictures such words can be read, letter by letter or nearly so."""
    acts, asked = acts_of(call), call.body
    limit, banks = check_limit(call, asked.limit), acts.searched_banks(asked.banks)
    found = call.services.matcher.search_text(asked.text, limit=limit, banks=banks, exclude=acts.hidden)
    return _answered(call, acts.answer("text", found))


@routes.post("/search/description", role=Role.SEARCH, body=ByText, returns=shapes.Answer, errors=(NotFound,), audit="search")
def search_description(call: Call) -> shapes.Answer:
    """Tell which known pictures are likest to a description in words; needs a model of pictures and texts."""
    acts, asked = acts_of(call), call.body
    limit, banks = check_limit(call, asked.limit), acts.searched_banks(asked.banks)
    found = call.services.matcher.search_description(asked.text, limit=limit, banks=banks, exclude=acts.hidden)
    return _answered(call, acts.answer("description", found))


@routes.get("/pictures/{sha256}/matches", role=Role.SEARCH, query=Searching, returns=shapes.Answer, audit="search")
def search_known(call: Call) -> shapes.Answer:
    """Tell which other known pictures a known one may be, by its stored fingerprints."""
    matcher, sha256, acts = call.services.matcher, call.path["sha256"], acts_of(call)
    record = shown_to(call.caller, matcher.get(sha256))
    limit = check_limit(call, call.query.limit)
    found = matcher.search_sha256(sha256, limit=limit, banks=acts.searched_banks(call.query.bank), exclude=acts.hidden)
    return _answered(call, acts.answer(record.sha256, found))


@routes.post("/compare", role=Role.SEARCH, body=Upload({PICTURE: (2, 2)}), returns=shapes.Comparison)
def compare_pictures(call: Call) -> shapes.Comparison:
    """Tell what two pictures have to do with each other; known ones do not matter."""
    settings, (first, second) = call.services.settings, call.files[PICTURE]
    names = (name_of(first), name_of(second))
    waiting = settings["web.busy_seconds"]
    found = call.services.matcher.compare(content(first, settings), content(second, settings), names=names, waiting=waiting)
    return shapes.comparison(names, found)


@routes.post("/hash", role=Role.SEARCH, query=Hashing, body=Upload(raw=True), returns=shapes.Hashes)
def hash_picture(call: Call) -> shapes.Hashes:
    """Compute the fingerprints of a picture.

    With these POST /search/fingerprints finds what the picture itself would as it is, but not what it would turned or mirrored.
    """
    file, settings = call.files[PICTURE][0], call.services.settings
    found = call.services.matcher.pool.fingerprint(
        content(file, settings), algorithms=call.query.algorithm or None, name=name_of(file), waiting=settings["web.busy_seconds"]
    )
    return shapes.hashes(name_of(file), found)


def acts_of(call: Call) -> Acts:
    """Return what the caller may do, without waiting long for a worker."""
    return Acts(call.services.matcher, call.caller, call.services.settings["web.busy_seconds"])


def check_limit(call: Call, asked: int | None) -> int:
    """Return how many matches or pictures to answer with. Raises BadRequest beyond web.max_limit."""
    settings = call.services.settings
    if asked is not None and asked > settings["web.max_limit"]:
        raise BadRequest(f"a limit of {asked} is more than {settings['web.max_limit']} (web.max_limit)")
    return int(settings["search.limit"] if asked is None else asked)


def note_answer(services: Services, audited: dict[str, Any], found: shapes.Answer) -> None:
    """Count an answer, and let the audit line tell of it."""
    services.metrics.decided(found["decision"])
    services.matcher.tally.decided(found["decision"])
    # The query itself may be a sensitive picture that this search was not about.
    known = services.matcher.collection.known(found["sha256"])
    matches = (*found["matches"], *found["suppressed"])
    sensitive = (known is not None and known.sensitive) or any(match["picture"]["sensitive"] for match in matches)
    audited |= {"decision": found["decision"], "matches": len(found["matches"])}
    audited |= {"sensitive": True} if sensitive else {"sha256": found["sha256"]}


def _answered(call: Call, found: shapes.Answer) -> shapes.Answer:
    note_answer(call.services, call.audited, found)
    return found
