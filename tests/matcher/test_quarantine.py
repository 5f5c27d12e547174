"""Whoever makes pictures that match too much gets them into quarantine, and harms nobody else's answers."""

from collections.abc import Iterator

import numpy as np
import pytest

from matcher.decision import Rules
from matcher.doctor import Doctor
from matcher.engine import Matcher
from matcher.errors import BadRequest, NotFound
from matcher.match import Decision, Evidence, Match, Relation
from matcher.quarantine import Cause, Cordon, Held, checked_hash
from matcher.records import Record
from matcher.sentry import Sentry
from matcher.settings import Settings
from tests.matcher.forging import detailed, forged, hybrid
from tests.matcher.pictures import encoded, photo

CROWD = 260  # more than are compared for one answer


@pytest.fixture
def matcher(settings: Settings) -> Iterator[Matcher]:
    given = {name: settings[name] for name in ("redis.url", "data.dir")}
    with Matcher.open(Settings.load(environ={}, overrides={**given, "workers.count": 1, "quarantine.pictures": CROWD})) as matcher:
        yield matcher


class TestCrowd:
    """One hash, of one true picture and of hundreds that have nothing else in common with it."""

    @pytest.fixture
    def true(self, matcher: Matcher) -> Record:
        true = matcher.add(encoded(detailed(1))).record
        hash = true.fingerprints["pdq"]
        for number in range(CROWD):
            record = matcher.collection.add(forged(number, hash)).record
        matcher.place(record)
        return true

    def test_it_is_held_and_the_true_picture_is_found_alone(self, matcher: Matcher, true: Record) -> None:
        (held,) = matcher.collection.quarantine.all()
        assert (held.kind, held.cause, held.released) == ("hash", Cause.CROWD, 0.0)
        assert held.subject == f"pdq:{true.fingerprints['pdq'].hex()}"
        assert CROWD <= held.count <= CROWD + 1
        copy = encoded(detailed(1), "JPEG", quality=60)
        found = matcher.search(copy, limit=50).matches
        assert [(match.picture.sha256, match.decision) for match in found] == [(true.sha256, Decision.YES)]
        (finding,) = [one for one in Doctor(matcher.collection).run().findings if one.code == "quarantined"]
        assert finding.count == 1

    def test_released_it_finds_all_again_and_is_not_held_anew(self, matcher: Matcher, true: Record) -> None:
        (held,) = matcher.collection.quarantine.all()
        matcher.collection.quarantine.release(held.subject, "an analyst")
        found = matcher.search(encoded(detailed(1), "JPEG", quality=60), limit=50).matches
        assert len(found) == 50
        assert [match.picture.sha256 for match in found if match.decision is Decision.YES] == [true.sha256]
        matcher.place(matcher.collection.add(forged(CROWD + 1, true.fingerprints["pdq"])).record)
        (after,) = matcher.collection.quarantine.all()
        assert (after.by, after.released > 0) == ("an analyst", True)


def test_a_crowd_of_copies_is_no_reason(matcher: Matcher) -> None:
    true = matcher.add(encoded(photo(640, 480, 5))).record
    copy = {name: true.fingerprints[name] for name in ("pdq", "tiles")}
    for number in range(CROWD):
        query = forged(number, copy["pdq"])
        query.values.update(copy)
        record = matcher.collection.add(query).record
    matcher.place(record)
    assert matcher.collection.quarantine.all() == []


class TestHub:
    """A picture that is the same as those of many clusters."""

    @pytest.fixture
    def pairs(self, matcher: Matcher) -> list[Record]:
        """One picture of each of thirteen clusters."""
        found = list[Record]()
        for number in range(13):
            one, other = (
                matcher.collection.add(forged(1000 + 2 * number + n, np.random.default_rng(number).bytes(32))).record for n in range(2)
            )
            matcher.clustering.join(one, other)
            found.append(matcher.get(one.sha256))
        return found

    def test_it_is_held_and_says_no_more_than_maybe(self, matcher: Matcher, pairs: list[Record]) -> None:
        data = encoded(photo(640, 480, 9))
        hub = matcher.add(data).record
        sentry = Sentry(matcher.collection, matcher.algorithms, matcher.rules)
        same = [Match(record, Decision.YES, Relation.SAME_PICTURE, 0.1, ()) for record in pairs]
        assert sentry.hub(hub, same[:12]) is None
        held = sentry.hub(hub, same)
        assert held is not None and (held.subject, held.cause, held.count) == (hub.sha256, Cause.CLUSTERS, 13)
        matcher.banks.create("phish", kind="known-bad", tags=["kuato:bad"])
        matcher.set_banks(hub.sha256, ["phish"])
        for query in (data, encoded(photo(640, 480, 9), "JPEG")):
            answer = matcher.search(query)
            assert (answer.decision, answer.matches[0].picture.sha256, answer.matches[0].emits) == (Decision.MAYBE, hub.sha256, ())
            assert "quarantine" in answer.matches[0].evidence[-1].note
        matcher.collection.quarantine.release(hub.sha256, "an analyst")
        assert matcher.search(data).matches[0].emits == ("kuato:bad",)
        assert sentry.hub(hub, same) is None

    def test_while_it_is_held_nothing_is_tied_to_it(self, matcher: Matcher) -> None:
        hub = matcher.add(encoded(photo(640, 480, 9))).record
        matcher.collection.quarantine.hold(hub.sha256, hub.id, Cause.PERSON, 0, "an analyst")
        assert matcher.add(encoded(photo(640, 480, 9), "JPEG")).record.cluster == ""

    def test_pictures_that_nobody_has_looked_up_yet_do_not_count(self, matcher: Matcher) -> None:
        records = [matcher.collection.add(forged(number, b"\1" * 32)).record for number in range(20)]
        same = [Match(record, Decision.YES, Relation.SAME_PICTURE, 0.1, ()) for record in records[1:]]
        assert Sentry(matcher.collection, matcher.algorithms, matcher.rules).hub(records[0], same) is None

    def test_with_the_picture_it_is_forgotten(self, matcher: Matcher) -> None:
        hub = matcher.add(encoded(photo(640, 480, 9))).record
        matcher.collection.quarantine.hold(hub.sha256, hub.id, Cause.PERSON, 0)
        matcher.remove(hub.sha256)
        assert matcher.collection.quarantine.all() == []
        with pytest.raises(NotFound):
            matcher.collection.quarantine.release(hub.sha256, "an analyst")


class TestForged:
    """Collisions of one family never say YES."""

    @pytest.mark.parametrize("seed", range(6))
    def test_a_picture_made_to_have_the_hash_of_another(self, matcher: Matcher, seed: int) -> None:
        victim, other = detailed(seed), detailed(seed + 50)
        made = encoded(hybrid(other, victim))
        told = matcher.compare(made, encoded(victim))
        assert {one.algorithm: one.decision for one in told.evidence}["pdq"] is Decision.YES, "else it proves nothing"
        assert told.decision is not Decision.YES
        known = matcher.add(encoded(victim)).record
        for match in matcher.search(made).matches:
            assert (match.picture.sha256, match.decision) == (known.sha256, Decision.MAYBE)

    def test_all_hashes_of_a_family_together(self) -> None:
        rules = Rules.load()
        hashes = [Evidence(name, "frequency", 0.0, 0.1, Decision.YES) for name in ("pdq", "pdq-trimmed", "phash")]
        assert rules.judge(hashes)[0] is Decision.MAYBE
        others = [Evidence(name, family, 0.9, 0.1, Decision.NO) for name, family in (("tiles", "frequency"), ("local", "local"))]
        assert rules.judge([*hashes, *others])[0] is Decision.MAYBE

    @pytest.mark.parametrize("name", ["pdq", "pdq-trimmed"])
    def test_whoever_asks_by_fingerprints_alone(self, matcher: Matcher, name: str) -> None:
        known = matcher.add(encoded(detailed(3))).record
        query = forged(1, known.fingerprints["pdq"])
        query.values[name] = known.fingerprints["pdq"]
        assert matcher.search_fingerprints(query).decision is not Decision.YES


def test_what_names_a_hash() -> None:
    assert checked_hash(" PDQ:0F ") == "pdq:0f"
    for text in ("pdq", "pdq:", ":0f", "pdq:xyz", ""):
        with pytest.raises(BadRequest):
            checked_hash(text)


def test_a_cordon_knows_what_is_near_a_hash() -> None:
    cordon = Cordon([Held("pdq:" + "00" * 32, 0, Cause.CROWD, 1000, 0), Held("pdq:" + "ff" * 32, 0, Cause.CROWD, 1000, 0, released=1.0)])
    assert cordon.crowded("pdq", b"\x7f" * 4 + bytes(28))
    assert not cordon.crowded("pdq", b"\xff" * 4 + bytes(28))
    assert not cordon.crowded("pdq", b"\xff" * 32)
    assert not cordon.crowded("other", bytes(32))
    assert not cordon.crowded("pdq", bytes(8))
    short = Cordon([Held("phash:" + "00" * 8, 0, Cause.CROWD, 1000, 0)])
    assert short.crowded("phash", b"\x7f" + bytes(7))
    assert not short.crowded("phash", b"\xff" + bytes(7)), "eight bits of 64 are many"
