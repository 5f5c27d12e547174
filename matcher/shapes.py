"""What programs read: answers as JSON, on the command line and over HTTP. Field names never change meaning; fields may be added."""

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from typing_extensions import TypedDict

from matcher import bank as banks
from matcher import match as matches
from matcher import source as sources
from matcher.errors import KuatoError
from matcher.proposals import Reason
from matcher.reviews import Verdict

if TYPE_CHECKING:
    from matcher.doctor import Report
    from matcher.engine import Comparison as Compared
    from matcher.extraction import Fingerprints
    from matcher.gallery import Offer, View
    from matcher.records import Record
    from matcher.reviews import Review as Judgement


Shape = dict[str, Any]


class Failure(TypedDict):
    """What went wrong with one input: a stable code, and what was wrong and what to do in words."""

    code: str
    message: str


class Source(TypedDict):
    """Where a picture was seen. Times are ISO 8601 in UTC, null where unknown."""

    kind: str
    id: str
    first_seen: str | None
    last_seen: str | None
    metadata: dict[str, Any]
    visibility: dict[str, Any]


class Picture(TypedDict):
    """A known picture, without its fingerprints. sensitive: nothing but this is shown of it, and its sources have no metadata.

    cluster: the id of the cluster that it shares with other pictures, null where it is in none.
    """

    sha256: str
    format: str
    width: int
    height: int
    bytes: int
    added: str | None
    sources: list[Source]
    tags: list[str]
    banks: list[str]
    sensitive: bool
    cluster: str | None


class Fingerprint(TypedDict):
    """A fingerprint of a known picture, in hexadecimal, with the version of its algorithm."""

    version: int
    hex: str


class WholePicture(Picture):
    """A known picture with its fingerprints, by algorithm, and what can be read on it ("text") or was written of it ("caption")."""

    fingerprints: dict[str, Fingerprint]
    texts: dict[str, str]


class Alignment(TypedDict):
    """A fitted transformation. Regions are left, top, right, bottom in fractions of width and height."""

    inliers: int
    weight: float
    query_region: list[float]
    known_region: list[float]
    matrix: list[list[float]]


class Evidence(TypedDict):
    """What one algorithm says. distance: 0 (same) to 1. threshold: null where it has no say. places: regions meant, null for the whole."""

    algorithm: str
    family: str
    distance: float
    threshold: float | None
    decision: matches.Decision
    view: str
    note: str
    alignment: Alignment | None
    places: list[list[float]] | None


class Match(TypedDict):
    """A known picture that the query may be, and why. emits: what its banks tag whatever matches it with a YES."""

    decision: matches.Decision
    relation: matches.Relation
    distance: float
    picture: Picture
    evidence: list[Evidence]
    emits: list[str]


class Answer(TypedDict):
    """The answer to one search: matches by decision, then distance.

    suppressed: withheld because the known picture is in an `ignore` bank. too_simple: only the SHA-256 could be looked up.
    truncated: not all candidates could be read, or more than `limit` matched. fingerprints: of the query, in hexadecimal,
    without those that show pixels. timings: milliseconds by step.
    """

    query: str
    sha256: str
    decision: matches.Decision
    matches: list[Match]
    suppressed: list[Match]
    too_simple: bool
    truncated: bool
    warnings: list[str]
    fingerprints: dict[str, str]
    timings: dict[str, float]


class Comparison(TypedDict):
    """What two pictures have to do with each other. too_simple: nothing to compare by but the bytes."""

    pictures: list[str]
    decision: matches.Decision
    relation: matches.Relation
    distance: float
    too_simple: bool
    evidence: list[Evidence]


class Hashes(TypedDict):
    """The fingerprints of one file, in hexadecimal. timings: milliseconds by step."""

    file: str
    sha256: str
    format: str
    width: int
    height: int
    bytes: int
    fingerprints: dict[str, str]
    too_simple: list[str]
    warnings: list[str]
    timings: dict[str, float]


class Review(TypedDict):
    """A person's verdict on two pictures, by SHA-256, the lesser first: "same" or "different". who: who gave it."""

    a: str
    b: str
    verdict: Verdict
    who: str
    when: str | None


class Tie(TypedDict):
    """What ties two pictures, by SHA-256. how: "found" by a search, "reviewed" as the same, or joined "by hand"."""

    a: str
    b: str
    distance: float
    how: str


class Cluster(TypedDict):
    """Pictures that are the same. id: stays, also when there are more or fewer. aliases: ids of clusters that were merged into it.

    size: how many pictures it has now; one with fewer than two is dissolved, and its id still known. representative: the SHA-256 of
    the picture that is nearest to all others, null where there is none.
    """

    id: str
    made: str | None
    size: int
    representative: str | None
    aliases: list[str]


class WholeCluster(Cluster):
    """A cluster with its pictures and what ties them. contradictions: pairs in it that were reviewed as different."""

    pictures: list[Picture]
    ties: list[Tie]
    contradictions: list[Review]


class Side(TypedDict):
    """One side of a proposal: a cluster, or a picture (by SHA-256) that is in none."""

    cluster: str | None
    picture: str | None
    size: int


class Proposal(TypedDict):
    """What would make a cluster grow, but waits for a person. ties: the pairs that speak for it.

    reason: "bridge" (one picture alone ties two clusters), "size" (larger than cluster.max_size), "contradiction" (it would bring
    two pictures together that were reviewed as different).
    """

    id: str
    reason: Reason
    when: str | None
    sides: list[Side]
    ties: list[Tie]


class Bank(TypedDict):
    """A bank without its pictures."""

    name: str
    kind: str
    tags: list[str]
    domains: list[str]
    thresholds: dict[str, float]
    sensitive: bool
    note: str
    keep_days: int | None


class MemoryUse(TypedDict):
    """What Redis needs for Kuato, and what is left. Estimated from a sample of the keys, within a few percent.

    bytes: of all our keys, by what they hold in `kinds` (records, local_features, index, lists, claims, jobs, other).
    bytes_per_picture: of these, without jobs; of a few pictures more than each further one takes.
    free_bytes: what is left, null where that cannot be told. bound: what sets it: "maxmemory" (of Redis), "machine" (what is
    available on ours, where Redis runs on it), "container" (the limit of its control group), "elsewhere" (all memory of another
    machine, so at most that), "unknown". more_pictures: for how many that is enough, null where it cannot be told.
    """

    bytes: int
    bytes_per_picture: int
    kinds: dict[str, int]
    free_bytes: int | None
    bound: str
    more_pictures: int | None


class Growth(TypedDict):
    """How many pictures of those that are known came in the last 30 days, or since the first one came.

    full_on: the day on which the memory is full if it goes on like this, and nothing is forgotten; null for never, not in a
    hundred years, and where it cannot be told.
    """

    days: float
    pictures: int
    pictures_per_day: float
    full_on: str | None


class Stats(TypedDict):
    """Figures of the store.

    pictures_by_bank: a picture can be in several, or in none. estimated_banks: those of them that were estimated, not counted.
    redis_bytes: all memory of the server, also of what is not ours; redis_bytes_per_picture: the same by pictures.
    algorithms: those in use, with their versions.
    """

    pictures: int
    pictures_by_bank: dict[str, int]
    estimated_banks: list[str]
    banks: int
    redis_bytes: int
    redis_bytes_per_picture: int
    memory: MemoryUse
    growth: Growth
    algorithms: dict[str, int]


class Finding(TypedDict):
    """One thing that the doctor found."""

    code: str
    count: int
    text: str
    repaired: bool


class Findings(TypedDict):
    """All that the doctor found."""

    clean: bool
    findings: list[Finding]


def moment(seconds: float) -> str | None:
    """Return seconds since the epoch as ISO 8601 in UTC, None for an unknown time (0)."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else None


def day(seconds: float | None) -> str | None:
    """Return the day of a moment, seconds since the epoch, as ISO 8601 in UTC; None for None."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d") if seconds is not None else None


def failure(error: KuatoError) -> Failure:
    """Return what went wrong with one input."""
    return {"code": error.code, "message": str(error)}


def picture(record: "Record") -> Picture:
    """Return a known picture, without its fingerprints."""
    return {
        "sha256": record.sha256,
        "format": record.format,
        "width": record.size[0],
        "height": record.size[1],
        "bytes": record.bytes_size,
        "added": moment(record.added),
        "sources": [source(one, record.sensitive) for one in record.sources],
        "tags": list(record.tags),
        "banks": list(record.banks),
        "sensitive": record.sensitive,
        "cluster": record.cluster or None,
    }


def whole_picture(record: "Record", fingerprints: Mapping[str, bytes], texts: Mapping[str, str]) -> WholePicture:
    """Return a known picture with these of its fingerprints, each with the version of its algorithm, and these texts."""
    prints: dict[str, Fingerprint] = {name: {"version": record.versions[name], "hex": value.hex()} for name, value in fingerprints.items()}
    return {**picture(record), "fingerprints": prints, "texts": dict(texts)}


def source(one: sources.Source, sensitive: bool = False) -> Source:
    """Return where a picture was seen; of a sensitive one without the details, which may describe it."""
    return {
        "kind": one.kind,
        "id": one.id,
        "first_seen": moment(one.first_seen),
        "last_seen": moment(one.last_seen),
        "metadata": {} if sensitive else one.metadata,
        "visibility": one.visibility,
    }


def evidence(one: matches.Evidence) -> Evidence:
    """Return what one algorithm says."""
    return {
        "algorithm": one.algorithm,
        "family": one.family,
        "distance": _rounded(one.distance),
        "threshold": _rounded(one.threshold) if one.threshold >= 0 else None,
        "decision": one.decision,
        "view": one.view,
        "note": one.note,
        "alignment": _alignment(one.alignment) if one.alignment else None,
        "places": [_region(place) for place in one.places] if one.places else None,
    }


def match(one: matches.Match) -> Match:
    """Return a known picture that the query may be, and why."""
    return {
        "decision": one.decision,
        "relation": one.relation,
        "distance": _rounded(one.distance),
        "picture": picture(one.picture),
        "evidence": [evidence(each) for each in one.evidence],
        "emits": list(one.emits),
    }


def answer(query: str, found: matches.Answer) -> Answer:
    """Return the answer to one search."""
    return {
        "query": query,
        "sha256": found.sha256,
        "decision": found.decision,
        "matches": [match(one) for one in found.matches],
        "suppressed": [match(one) for one in found.suppressed],
        "too_simple": found.too_simple,
        "truncated": found.truncated,
        "warnings": list(found.warnings),
        "fingerprints": {name: value.hex() for name, value in found.fingerprints.items()},
        "timings": _milliseconds(found.timings),
    }


def comparison(names: tuple[str, str], found: "Compared") -> Comparison:
    """Return what two pictures have to do with each other."""
    return {
        "pictures": list(names),
        "decision": found.decision,
        "relation": found.relation,
        "distance": _rounded(found.distance),
        "too_simple": found.too_simple,
        "evidence": [evidence(each) for each in found.evidence],
    }


def hashes(name: str, found: "Fingerprints") -> Hashes:
    """Return the fingerprints of one file, in hexadecimal."""
    return {
        "file": name,
        "sha256": found.sha256,
        "format": found.format,
        "width": found.size[0],
        "height": found.size[1],
        "bytes": found.bytes_size,
        "fingerprints": {algorithm: value.hex() for algorithm, value in found.values.items()},
        "too_simple": list(found.too_simple),
        "warnings": list(found.warnings),
        "timings": _milliseconds(found.timings),
    }


def review(one: "Judgement") -> Review:
    """Return a person's verdict on two pictures."""
    return {"a": one.a, "b": one.b, "verdict": one.verdict, "who": one.who, "when": moment(one.when)}


def cluster(view: "View") -> Cluster:
    """Return a cluster without its pictures."""
    return {
        "id": view.cluster.id,
        "made": moment(view.cluster.made),
        "size": len(view.records),
        "representative": view.representative,
        "aliases": list(view.cluster.aliases),
    }


def whole_cluster(view: "View") -> WholeCluster:
    """Return a cluster with its pictures and what ties them."""
    return {
        **cluster(view),
        "pictures": [picture(record) for record in view.records],
        "ties": [{"a": a, "b": b, "distance": _rounded(distance), "how": how} for a, b, distance, how in view.ties],
        "contradictions": [review(one) for one in view.contradictions],
    }


def proposal(offer: "Offer") -> Proposal:
    """Return what waits for a person."""
    return {
        "id": offer.proposal.id,
        "reason": offer.proposal.reason,
        "when": moment(offer.proposal.when),
        "sides": [{"cluster": one.cluster, "picture": one.picture, "size": one.size} for one in offer.sides],
        "ties": [{"a": a, "b": b, "distance": _rounded(distance), "how": how} for a, b, distance, how in offer.ties],
    }


def bank(one: banks.Bank) -> Bank:
    """Return a bank without its pictures."""
    return {
        "name": one.name,
        "kind": one.kind,
        "tags": list(one.tags),
        "domains": list(one.domains),
        "thresholds": one.thresholds,
        "sensitive": one.sensitive,
        "note": one.note,
        "keep_days": one.keep_days,
    }


def report(found: "Report") -> Findings:
    """Return what the doctor found."""
    findings: list[Finding] = [{"code": one.code, "count": one.count, "text": one.text, "repaired": one.repaired} for one in found.findings]
    return {"clean": found.clean, "findings": findings}


def _alignment(found: matches.Alignment) -> Alignment:
    return {
        "inliers": found.inliers,
        "weight": _rounded(found.weight),
        "query_region": _region(found.query_region),
        "known_region": _region(found.known_region),
        "matrix": [[float(value) for value in row] for row in found.matrix],
    }


def _region(region: matches.Region) -> list[float]:
    return [_rounded(side) for side in (region.left, region.top, region.right, region.bottom)]


def _milliseconds(timings: dict[str, float]) -> dict[str, float]:
    return {step: round(ms, 3) for step, ms in timings.items()}


def _rounded(value: float) -> float:
    return round(float(value), 6)
