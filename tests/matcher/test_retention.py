"""What is over its time goes; what somebody saw again meanwhile stays."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from matcher.bank import Bank
from matcher.engine import Matcher
from matcher.errors import BadSettings, NotFound
from matcher.extraction import Fingerprints
from matcher.pruning import Forgotten, Judge, Pruner, Verdict
from matcher.records import Record
from matcher.retention import DAY, Retention
from matcher.settings import Settings
from matcher.source import Source
from tests.matcher.making import picture as another

NOW = 2_000_000_000.0


def picture(seed: int) -> Fingerprints:
    whole = another(seed)
    return replace(whole, views={"as is": {"pdq": whole.values["pdq"]}})


def seen(days_ago: float, kind: str = "url", id: str = "https://a.example/") -> Source:
    return Source(kind, id, NOW - days_ago * DAY, NOW - days_ago * DAY)


@pytest.fixture
def matcher(settings: Settings) -> Iterator[Matcher]:
    with Matcher.open(settings) as matcher:
        yield matcher


@pytest.fixture
def known(matcher: Matcher) -> Callable[..., Record]:
    """Remember a picture seen somewhere."""

    def add(seed: int, *sources: Source, banks: tuple[str, ...] = ()) -> Record:
        ids = [matcher.banks.get(name).id for name in banks]
        return matcher.collection.add(picture(seed), sources, bank_ids=ids).record

    return add


def retention(matcher: Matcher, banks: tuple[str, ...] = ("observed=365",), sources: tuple[str, ...] = (), **details: Any) -> Retention:
    changes = {"retention.banks": list(banks), "retention.sources": list(sources)}
    return Retention(matcher, matcher.settings.with_overrides(changes), **{"clock": lambda: NOW, **details})


def is_known(matcher: Matcher, record: Record) -> bool:
    return matcher.collection.known(record.sha256) is not None


def after_the_first_look(judge: Judge, act: Callable[[], object]) -> Judge:
    """A judge after whose first verdict something happens."""
    pending = [act]

    def judged(record: Record, book: Mapping[int, Bank]) -> Verdict:
        verdict = judge(record, book)
        while pending:
            pending.pop()()
        return verdict

    return judged


class TestPictures:
    def test_observed_ones_go_a_year_after_they_were_last_seen(self, matcher: Matcher, known: Callable[..., Record]) -> None:
        old, young = known(1, seen(366)), known(2, seen(400), seen(364, id="https://b.example/"))
        assert retention(matcher).run() == Forgotten(1, 1)
        assert (is_known(matcher, old), is_known(matcher, young)) == (False, True)
        with pytest.raises(NotFound):
            matcher.get(old.sha256)
        assert retention(matcher).run() == Forgotten()

    def test_one_that_was_seen_nowhere_counts_from_its_adding(self, matcher: Matcher, known: Callable[..., Record]) -> None:
        record = known(1)
        assert retention(matcher, clock=lambda: record.added + 364 * DAY).run() == Forgotten()
        assert retention(matcher, clock=lambda: record.added + 366 * DAY).run() == Forgotten(1)

    def test_added_again_without_a_source_it_counts_from_then(self, matcher: Matcher, known: Callable[..., Record]) -> None:
        known(1, seen(500))
        matcher.collection.clock = lambda: NOW - 10 * DAY
        assert known(1).last_seen == NOW - 10 * DAY
        assert retention(matcher).run() == Forgotten()

    @pytest.mark.parametrize("kind", ["baseline", "known-bad", "ignore"])
    def test_those_of_other_kinds_of_banks_stay(self, matcher: Matcher, known: Callable[..., Record], kind: str) -> None:
        matcher.banks.create("x", kind=kind)
        known(1, seen(9999), banks=("x",))
        assert retention(matcher).run() == Forgotten()
        assert retention(matcher, banks=(f"{kind}=9998",)).run() == Forgotten(1, 1, {"x": 1})

    def test_a_bank_may_say_otherwise(self, matcher: Matcher, known: Callable[..., Record]) -> None:
        for name, kind, days in (("brief", "baseline", 30), ("for ever", "observed", 0), ("as its kind", "observed", None)):
            matcher.banks.create(name, kind=kind, keep_days=days)
        records = [known(seed, seen(100), banks=(name,)) for seed, name in enumerate(("brief", "for ever", "as its kind"))]
        assert retention(matcher, banks=("observed=50",)).run() == Forgotten(2, 2, {"as its kind": 1, "brief": 1})
        assert [is_known(matcher, record) for record in records] == [False, True, False]

    def test_the_bank_that_keeps_longest_decides(self, matcher: Matcher, known: Callable[..., Record]) -> None:
        matcher.banks.create("brief", keep_days=30)
        matcher.banks.create("long", keep_days=300)
        record = known(1, seen(100), banks=("brief", "long"))
        assert retention(matcher).run() == Forgotten()
        matcher.set_banks(record.sha256, remove=["long"])
        assert retention(matcher).run() == Forgotten(1, 1, {"brief": 1})

    def test_a_bank_that_is_deleted_keeps_nothing(self, matcher: Matcher, known: Callable[..., Record]) -> None:
        matcher.banks.create("kept", kind="baseline")
        known(1, seen(366), banks=("kept",))
        matcher.banks.delete("kept")
        assert retention(matcher).run() == Forgotten(1, 1)

    def test_without_days_all_stay(self, matcher: Matcher, known: Callable[..., Record]) -> None:
        known(1, seen(9999))
        assert retention(matcher, banks=()).run() == retention(matcher, banks=("observed=0",)).run() == Forgotten()

    @given(
        last=st.integers(0, 1000),
        days=st.lists(st.none() | st.integers(0, 1000), max_size=4),
        observed=st.integers(0, 1000),
    )
    @examples(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_one_goes_when_none_of_its_banks_wants_it(self, matcher: Matcher, last: int, days: list[int | None], observed: int) -> None:
        book = {id: Bank(id, str(id), keep_days=each) for id, each in enumerate(days)}
        record = Record(1, "ab" * 32, "PNG", (1, 1), 1, 0.0, {}, {}, (seen(last),), bank_ids=tuple(book))
        wanted = [observed if each is None else each for each in days or [None]]
        kept = any(each == 0 or last <= each for each in wanted)
        assert retention(matcher, banks=(f"observed={observed}",)).judge(record, book).removed == (not kept)


class TestSources:
    def test_those_of_a_kind_go_and_the_others_stay(self, matcher: Matcher, known: Callable[..., Record]) -> None:
        record = known(1, seen(40), seen(20, id="https://b.example/"), seen(40, "file", "/a.png"))
        assert retention(matcher, sources=("url=30",)).run() == Forgotten(0, 1)
        assert [source.key for source in matcher.get(record.sha256).sources] == ["url:https://b.example/", "file:/a.png"]
        assert matcher.by_source("url", "https://a.example/") == []
        assert [found.id for found in matcher.by_source("file", "/a.png")] == [record.id]

    def test_one_of_another_organisation_at_the_same_place_stays(self, matcher: Matcher, known: Callable[..., Record]) -> None:
        ours, theirs = (replace(seen(days), visibility={"org": org}) for days, org in ((9, "us"), (1, "them")))
        record = known(1, ours, theirs)
        retention(matcher, sources=("url=5",)).run()
        assert matcher.get(record.sha256).sources == (theirs,)
        assert [found.sha256 for found in matcher.by_source(theirs.kind, theirs.id)] == [record.sha256]

    def test_their_picture_is_kept_as_if_they_were_there(self, matcher: Matcher, known: Callable[..., Record]) -> None:
        record = known(1, seen(40))
        assert retention(matcher, sources=("url=30",)).run() == Forgotten(0, 1)
        assert (matcher.get(record.sha256).sources, matcher.get(record.sha256).last_seen) == ((), NOW - 40 * DAY)
        assert retention(matcher, clock=lambda: NOW + 324 * DAY).run() == Forgotten()
        assert retention(matcher, clock=lambda: NOW + 326 * DAY).run() == Forgotten(1)


class TestWhatHappensMeanwhile:
    def test_a_picture_that_is_seen_again_stays(self, matcher: Matcher, known: Callable[..., Record]) -> None:
        record = known(1, seen(366))
        policy = retention(matcher)

        judge = after_the_first_look(policy.judge, lambda: matcher.change(record, sources=[seen(0)]))
        assert list(Pruner(matcher.collection).prune([record.id], judge)) == []
        assert len(matcher.get(record.sha256).sources) == 1

    def test_also_at_the_last_moment(self, matcher: Matcher, known: Callable[..., Record], monkeypatch: pytest.MonkeyPatch) -> None:
        record = known(1, seen(366))
        replace_many, pending = matcher.collection.store.replace_many, [True]

        def late(changes: Sequence[tuple[bytes, bytes, bytes]]) -> list[bool]:
            if pending:
                pending.pop()
                matcher.change(record, sources=[seen(0, id="https://again.example/")])
            return replace_many(changes)

        monkeypatch.setattr(matcher.collection.store, "replace_many", late)
        assert retention(matcher).run() == Forgotten()
        assert [source.id for source in matcher.get(record.sha256).sources] == ["https://a.example/", "https://again.example/"]

    def test_one_that_is_put_into_a_new_bank_stays(self, matcher: Matcher, known: Callable[..., Record]) -> None:
        record, policy = known(1, seen(366)), retention(matcher)

        def keep() -> None:
            matcher.banks.create("kept", kind="known-bad")
            matcher.set_banks(record.sha256, add=["kept"])

        assert list(Pruner(matcher.collection).prune([record.id], after_the_first_look(policy.judge, keep))) == []
        assert matcher.get(record.sha256).banks == ("kept",)

    def test_a_source_that_is_noted_by_one_who_read_before_is_found(self, matcher: Matcher, known: Callable[..., Record]) -> None:
        record = known(1, seen(40))
        retention(matcher, sources=("url=30",)).run()
        assert matcher.collection.note(record, [seen(0)])
        assert [found.id for found in matcher.by_source("url", "https://a.example/")] == [record.id]

    def test_a_picture_that_went_can_be_added_again(self, matcher: Matcher, known: Callable[..., Record]) -> None:
        old = known(1, seen(366))
        retention(matcher).run()
        new = known(1, seen(0))
        assert new.id != old.id
        assert matcher.get(old.sha256).sources == (seen(0),)

    def test_two_at_once_forget_everything_once(self, matcher: Matcher, known: Callable[..., Record]) -> None:
        for seed in range(40):
            known(seed, seen(366))
        found = list[Forgotten]()
        threads = [threading.Thread(target=lambda: found.append(retention(matcher).run())) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (sum(one.pictures_removed for one in found), sum(one.sources_removed for one in found)) == (40, 40)
        assert list(matcher.find()) == []


def test_a_dry_run_tells_the_same_and_changes_nothing(matcher: Matcher, known: Callable[..., Record]) -> None:
    known(1, seen(366)), known(2, seen(40)), known(3, seen(1))
    policy = retention(matcher, sources=("url=30",))
    before = {record.sha256: record for record in matcher.find()}
    told = policy.run(dry_run=True)
    assert {record.sha256: record for record in matcher.find()} == before
    assert told == policy.run() == Forgotten(1, 2)


class TestTurns:
    """Servers that run beside each other."""

    def test_a_server_does_it_once_in_a_period(self, matcher: Matcher, known: Callable[..., Record]) -> None:
        now = NOW
        policy = retention(matcher, clock=lambda: now)
        known(1, seen(366))
        self.turn(policy)
        assert list(matcher.find()) == []
        known(2, seen(366))
        now += 23 * 3600
        self.turn(policy)
        assert len(list(matcher.find())) == 1
        now += 2 * 3600
        self.turn(policy)
        assert list(matcher.find()) == []

    def test_the_other_does_nothing_meanwhile_and_goes_on_where_the_first_was_stopped(
        self, matcher: Matcher, known: Callable[..., Record], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("matcher.retention.BATCH", 2)
        for seed in range(4):
            known(seed, seen(366))
        first, second = retention(matcher), retention(matcher)
        stop, judged = threading.Event(), list[int]()
        judge = first.judge

        def interrupted(record: Record, book: Any) -> Verdict:
            judged.append(record.id)
            self.turn(second)  # finds the run taken
            assert {found.id for found in matcher.find()} >= {3, 4}
            stop.set()
            return judge(record, book)

        monkeypatch.setattr(first, "judge", interrupted)
        first.run_every(stop)
        assert (set(judged), {record.id for record in matcher.find()}) == ({1, 2}, {3, 4})
        looked_at = list[int]()

        def looking(record: Record, book: Any) -> Verdict:
            looked_at.append(record.id)
            return judge(record, book)

        monkeypatch.setattr(second, "judge", looking)
        self.turn(second)
        assert (set(looked_at), list(matcher.find())) == ({3, 4}, [])

    def test_of_one_that_died_the_run_is_taken_over(
        self, matcher: Matcher, known: Callable[..., Record], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = NOW
        first, second = retention(matcher, clock=lambda: now), retention(matcher, clock=lambda: now)
        known(1, seen(366))

        def die(record: Record, book: Any) -> Verdict:
            raise KeyboardInterrupt

        monkeypatch.setattr(first, "judge", die)
        with pytest.raises(KeyboardInterrupt):
            first.run_every(threading.Event())
        self.turn(second)
        assert len(list(matcher.find())) == 1
        now += 301
        self.turn(second)
        assert list(matcher.find()) == []

    def test_what_fails_is_logged_and_tried_again(
        self, matcher: Matcher, known: Callable[..., Record], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        known(1, seen(366))
        policy, stop = retention(matcher), threading.Event()
        judge, failures = policy.judge, iter([RuntimeError("no such luck")])

        def fail_once(record: Record, book: Any) -> Verdict:
            for failure in failures:
                raise failure
            return judge(record, book)

        class Impatient(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                if not list(matcher.find()):
                    self.set()
                return self.is_set()

        monkeypatch.setattr(policy, "judge", fail_once)
        policy.run_every(Impatient())
        assert "could not be forgotten" in caplog.text
        assert not stop.is_set()

    def test_never_when_that_is_what_is_set(self, matcher: Matcher, known: Callable[..., Record]) -> None:
        known(1, seen(366))
        never = Retention(matcher, matcher.settings.with_overrides({"retention.every_hours": 0.0}), lambda: NOW)
        never.run_every(threading.Event())
        assert len(list(matcher.find())) == 1

    @staticmethod
    def turn(policy: Retention) -> None:
        """What `run_every` does before it waits for the first time."""

        class Once(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                if timeout is not None and timeout >= 600:
                    self.set()
                return self.is_set()

        policy.run_every(Once())


@pytest.mark.parametrize(
    ("name", "entries"),
    [
        ("retention.banks", ["observed"]),
        ("retention.banks", ["observed=a year"]),
        ("retention.banks", ["observed=-1"]),
        ("retention.banks", ["watched=30"]),
        ("retention.sources", ["=30"]),
        ("retention.sources", ["url=9999999"]),
    ],
)
def test_days_that_cannot_be_are_refused_at_once(matcher: Matcher, name: str, entries: list[str]) -> None:
    with pytest.raises(BadSettings, match=name):
        Retention(matcher, matcher.settings.with_overrides({name: entries}))
