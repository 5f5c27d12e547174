"""Known pictures that are worth labelling, and how they probably belong together: by their clusters, and by what searches said of them."""

from collections.abc import Callable, Iterator
from itertools import islice

from matcher.engine import Matcher, Wanted
from matcher.errors import BadRequest
from matcher.labelling import Group
from matcher.match import Decision
from matcher.records import Record
from matcher.sampling import Sample, Tie, drawn

_LOOKED_AT = 2000
_DOUBTS = 5000


def proposed(
    matcher: Matcher,
    count: int,
    *,
    seed: int = 1,
    wanted: Wanted | None = None,
    shown: Callable[[Record], bool] = lambda record: True,
) -> Sample:
    """Return a sample of at most `count` of the newest known pictures, by SHA-256. Raises BadRequest where there are too few, NotFound.

    Pictures of one cluster are probably the same; those for which a search said MAYBE are doubtful.
    wanted: which pictures may be in it. shown: which exist for whoever asks.
    """
    records = {record.sha256: record for record in islice(_candidates(matcher, wanted or Wanted(), shown), _LOOKED_AT)}
    if len(records) < 2:
        raise BadRequest("there are fewer than two pictures to choose from; add some, or ask for others")
    ties = [*_of_clusters(records), *_of_doubts(matcher, records)]
    return drawn(list(records), ties, count, seed)


def groups_of(sample: Sample) -> tuple[Group, ...]:
    """Return the groups that a sample proposes."""
    return tuple(Group("", pictures) for pictures in sample.clusters)


def _candidates(matcher: Matcher, wanted: Wanted, shown: Callable[[Record], bool]) -> Iterator[Record]:
    found = matcher.find(tag=wanted.tag, bank=wanted.bank, source=wanted.source, since=wanted.since, until=wanted.until, limit=None)
    # One that is known by a fingerprint alone, or may not be shown, nobody can look at.
    return (record for record in found if shown(record) and not record.fingerprint_only and not record.sensitive)


def _of_clusters(records: dict[str, Record]) -> Iterator[Tie]:
    first: dict[str, str] = {}
    for sha256, record in records.items():
        if record.cluster and first.setdefault(record.cluster, sha256) != sha256:
            yield Tie(first[record.cluster], sha256, Decision.YES, 0.0)


def _of_doubts(matcher: Matcher, records: dict[str, Record]) -> Iterator[Tie]:
    name_of = {record.id: record.sha256 for record in records.values()}
    for doubt in matcher.collection.doubts.best(0, _DOUBTS):
        if doubt.a in name_of and doubt.b in name_of:
            yield Tie(name_of[doubt.a], name_of[doubt.b], Decision.MAYBE, 0.5)
