"""Pairs that wait for a person: what comes first, and what lets a pair wait no longer."""

import pytest

from matcher.bank import Bank
from matcher.doubts import MOST, Doubt, Doubts, worth
from matcher.engine import Matcher
from matcher.match import Decision, Evidence, Match, Relation
from matcher.records import Record
from matcher.reviews import Verdict
from matcher.store import Store
from matcher.waiting import Waiting


@pytest.fixture
def matcher(settings):
    with Matcher.open(settings) as matcher:
        yield matcher


@pytest.fixture
def doubts(store_url):
    store = Store(lambda: store_url)
    yield Doubts(store)
    store.forget_connection()


def record(id, *banks):
    return Record(id, f"{id:064x}", "PNG", (10, 10), 1, 0.0, {}, {}, bank_ids=banks)


def maybe(picture, distance=0.2, threshold=0.1):
    evidence = (Evidence("pdq", "frequency", distance, threshold, Decision.MAYBE),)
    return Match(picture, Decision.MAYBE, Relation.SAME_PICTURE, distance, evidence)


def test_the_most_useful_come_first(doubts):
    doubts.add([Doubt(1, 2, 0.5), Doubt(1, 3, 2.0), Doubt(2, 3, 1.0)])
    assert [(one.a, one.b) for one in doubts.best(0, 2)] == [(1, 3), (2, 3)]
    assert [(one.a, one.b) for one in doubts.best(2, 5)] == [(1, 2)]
    doubts.add([Doubt(1, 2, 9.0)])
    assert (doubts.count(), doubts.best(0, 1)) == (3, [Doubt(1, 2, 9.0)])


def test_no_more_are_kept_than_anybody_will_look_at(doubts):
    doubts.add([Doubt(n, n + 1, float(n)) for n in range(MOST + 5)])
    assert doubts.count() == MOST
    assert doubts.best(MOST - 1, 5) == [Doubt(5, 6, 5.0)]


def test_what_is_put_aside_comes_back_as_it_was(doubts):
    doubts.add([Doubt(1, 2, 0.25)])
    doubts.settle(doubts.best(0, 1))
    assert doubts.count() == 0
    doubts.reopen(2, 1)
    doubts.reopen(7, 8)  # never waited
    assert doubts.best(0, 5) == [Doubt(1, 2, 0.25)]


def test_what_a_verdict_is_worth():
    banks = {1: Bank(1, "kits", "known-bad"), 2: Bank(2, "seen", "observed")}
    one = record(9)
    plain = worth(one, [maybe(record(1))], {}, banks)[0].usefulness
    assert worth(one, [maybe(record(1, 1))], {}, banks)[0].usefulness > plain  # acted upon
    assert worth(one, [maybe(record(1, 2))], {}, banks)[0].usefulness == plain
    assert worth(one, [maybe(record(1))], {1: 8}, banks)[0].usefulness > plain  # of many at once
    assert worth(one, [maybe(record(1), 0.11)], {}, banks)[0].usefulness > plain  # nearly a YES
    assert worth(one, [maybe(one)], {}, banks) == []
    found = worth(record(5), [maybe(record(8)), maybe(record(2))], {}, banks)
    assert [(doubt.a, doubt.b) for doubt in found] == [(5, 8), (2, 5)]


@pytest.fixture
def pair(matcher, sample):
    """Two known pictures of which a pair waits."""
    one, other = (matcher.add(sample(name).read_bytes()).record for name in ("baseline/ovalquay-login.png", "baseline/tinlark-login.png"))
    matcher.collection.doubts.add([Doubt(one.id, other.id, 1.0)])
    return one, other


def waits(matcher, sees=lambda record: True):
    return [{each.one.sha256, each.other.sha256} for each in Waiting(matcher, sees).next(0, 10)]


def test_a_pair_waits_with_its_evidence(matcher, pair):
    one, other = pair
    found = Waiting(matcher).next(0, 10)[0]
    assert (found.one.sha256, found.other.sha256) == (other.sha256, one.sha256)  # the later one first
    assert found.evidence and found.sizes == (1, 1)
    assert waits(matcher, lambda record: record.id != one.id) == []


@pytest.mark.parametrize("verdict", list(Verdict))
def test_judged_it_waits_no_longer_until_that_is_withdrawn(matcher, pair, verdict):
    one, other = pair
    matcher.clustering.review(one, other, verdict, "ana")
    assert waits(matcher) == []
    assert Waiting(matcher).count() == 0
    matcher.clustering.withdraw(one.sha256, other.sha256)
    assert waits(matcher) == [{one.sha256, other.sha256}]


def test_removed_or_ignored_it_waits_no_longer(matcher, pair):
    one, other = pair
    matcher.banks.create("blank", kind="ignore")
    matcher.set_banks(one.sha256, add=["blank"])
    assert waits(matcher) == []
    matcher.collection.doubts.add([Doubt(one.id, other.id, 1.0)])
    matcher.remove(other.sha256)
    assert waits(matcher) == []
    assert Waiting(matcher).count() == 0


def test_whole_clusters_are_judged_together(matcher, pair, sample):
    one, other = pair
    third = matcher.add(sample("baseline/marrowbridge-login.png").read_bytes()).record
    matcher.clustering.join(other, third)
    matcher.collection.doubts.add([Doubt(one.id, third.id, 0.5)])
    given = Waiting(matcher).judge(one, other, Verdict.DIFFERENT, "ana")
    assert {frozenset((each.a, each.b)) for each in given} == {
        frozenset((one.sha256, other.sha256)),
        frozenset((one.sha256, third.sha256)),
    }
    assert waits(matcher) == []


def test_who_said_what_last(matcher, pair, sample):
    one, other = pair
    third = matcher.add(sample("baseline/marrowbridge-login.png").read_bytes()).record
    reviews = matcher.collection.reviews
    reviews.give(one.sha256, other.sha256, Verdict.SAME, "ana", when=1e9)
    reviews.give(one.sha256, third.sha256, Verdict.SAME, "bob", when=1e9 + 1)
    reviews.give(one.sha256, other.sha256, Verdict.DIFFERENT, "eve", when=1e9 + 2)
    assert [(each.who, each.verdict) for each in reviews.latest(5)] == [("eve", Verdict.DIFFERENT), ("bob", Verdict.SAME)]
    reviews.withdraw(one.sha256, other.sha256)
    assert [each.who for each in reviews.latest(5)] == ["bob"]
