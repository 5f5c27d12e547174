"""Known pictures held against one another, where a search would compare but the newest of many copies."""

from collections.abc import Iterable, Iterator

from matcher.engine import Matcher
from matcher.evidence import gather
from matcher.extraction import AS_IS
from matcher.match import Decision, Match
from matcher.records import Record
from matcher.reviews import Verdict


def pairwise(matcher: Matcher, record: Record, ids: Iterable[int]) -> Iterator[Match]:
    """Yield those of the pictures under these ids that a known one matches, as it is, by stored fingerprints."""
    views = {AS_IS: matcher.collection.whole(record)}
    said = matcher.collection.reviews.of(record.sha256)
    different = {review.other(record.sha256) for review in said if review.verdict is Verdict.DIFFERENT}
    for other in matcher.collection.newest(sorted(ids, reverse=True)):
        if other.sha256 in different or other.id == record.id:
            continue
        evidence = gather(views, matcher.collection.whole(other), matcher.algorithms, matcher.rules)
        decision, relation, distance = matcher.rules.judge(evidence)
        if decision is not Decision.NO:
            yield Match(other, decision, relation, distance, tuple(evidence))


def banked_company(matcher: Matcher, record: Record, matches: Iterable[Match], kinds: Iterable[str]) -> list[Match]:
    """Return the matches of a picture with those in banks of these kinds that share a cluster with it or with what it matches.

    Of a page that was seen hundreds of times, what is in a bank may not be among the answers to a search any more.
    """
    found = list(matches)
    there = {match.picture.id for match in found} | {record.id}
    clusters = matcher.collection.clusters.locate([record, *(match.picture for match in found)])
    ids = {id for cluster in clusters.values() for id in cluster.members} - there
    banks = [bank for bank in matcher.banks.list() if bank.kind in kinds] if ids else []
    banked = {int(id) for bank in banks for id in matcher.collection.lists.banked(bank.id)} & ids
    return list(pairwise(matcher, record, banked))
