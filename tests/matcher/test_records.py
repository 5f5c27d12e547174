"""Records: what goes in comes out, and who may write when."""

import threading
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.errors import StoreMismatch
from matcher.largeprints import LargeFingerprints
from matcher.records import FINGERPRINT, LIVE, NAMES, PENDING, Record, Records, identity, pack, unpack
from matcher.source import Source
from matcher.store import Store

odd = ["\ud800", "\u2028\u2029\x85", "a\nb\r\n", '"]\n["t","+","forged"]', "\x00", "𝕜😀"]
texts = st.text(st.characters(), max_size=30) | st.sampled_from(odd)
details = st.dictionaries(texts, texts | st.integers() | st.booleans() | st.none() | st.lists(texts, max_size=3), max_size=3)
times = st.integers(0, 2**40).map(float)
sources = st.builds(Source, kind=texts, id=texts, first_seen=times, last_seen=times, metadata=details, visibility=details)
names = st.sampled_from(NAMES) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
prints = st.dictionaries(names, st.tuples(st.integers(0, 255), st.binary(min_size=1, max_size=300)), max_size=8)


def a_record(**changes: object) -> Record:
    plain = Record(7, "ab" * 32, "PNG", (640, 480), 1234, 1000.0, {"pdq": b"x" * 32}, {"pdq": 1})
    return replace(plain, **changes)  # type: ignore[arg-type]


@given(
    prints,
    st.lists(sources, max_size=4, unique_by=lambda source: (source.kind, source.id)),
    st.lists(texts, max_size=4, unique=True),
    st.sets(st.integers(1, 9)),
)
@settings(max_examples=200, deadline=None)
def test_a_record_is_read_as_it_was_written(
    found: dict[str, tuple[int, bytes]], sources: list[Source], tags: list[str], banks: set[int]
) -> None:
    record = a_record(
        fingerprints={name: value for name, (_, value) in found.items()},
        versions={name: version for name, (version, _) in found.items()},
        sources=tuple(sources),
        tags=tuple(tags),
        bank_ids=tuple(banks),
    )
    entry = unpack(7, pack(record, PENDING, 3))
    assert entry.record == record
    assert (entry.state, entry.generation) == (PENDING, 3)


@given(st.binary(max_size=120))
def test_bytes_that_are_no_record_are_called_so(value: bytes) -> None:
    try:
        unpack(7, value)
    except StoreMismatch as error:
        assert "record 7" in str(error)


def test_a_record_cut_anywhere_is_no_other_record() -> None:
    whole = pack(a_record(tags=("one", "two")), LIVE, 1)
    for length in range(1, len(whole) - 1):
        try:
            record = unpack(7, whole[:length]).record
        except StoreMismatch:
            continue
        assert record is not None
        assert set(record.tags) < {"one", "two"}


def test_a_picture_may_be_known_by_a_fingerprint_alone() -> None:
    sha256 = identity("pdq", b"x" * 32)
    known = a_record(sha256=sha256, format=FINGERPRINT, size=(0, 0), bytes_size=0)
    assert unpack(7, pack(known, LIVE, 1)).record == known
    assert known.fingerprint_only
    assert not a_record().fingerprint_only


def test_its_identity_tells_algorithms_and_values_apart_and_never_changes() -> None:
    assert identity("pdq", bytes(32)) == "edb1c8aee9f84fe63005982699c252f4a4a71d0cd940a228406125e88d176a87"
    assert len({identity("pdq", bytes(32)), identity("pdq", b"x" * 32), identity("phash", bytes(32))}) == 3


class TestOnAServer:
    @pytest.fixture
    def store(self, store_url: str) -> Store:
        return Store(lambda: store_url, "test:")

    @pytest.fixture
    def records(self, store: Store) -> Records:
        return Records(store)

    @pytest.fixture
    def live(self, records: Records) -> Records:
        assert records.put(a_record(tags=("first",)), 1)
        assert records.publish(7, 1)
        return records

    def test_it_answers_once_it_is_live(self, records: Records) -> None:
        assert records.put(a_record(), 1)
        assert records.live([7, 8]) == {}
        assert records.publish(7, 1)
        assert records.live([8, 7]) == {7: a_record()}
        assert list(records.ids()) == [7]

    def test_an_older_generation_writes_no_more(self, records: Records) -> None:
        assert records.put(a_record(), 256)
        assert not records.put(a_record(tags=("old",)), 255)
        assert not records.publish(7, 255)
        assert records.put(a_record(tags=("new",)), 65536)
        assert not records.publish(7, 256)
        assert records.publish(7, 65536)
        assert records.live([7])[7].tags == ("new",)

    def test_live_it_is_not_written_anew(self, live: Records) -> None:
        assert not live.put(a_record(), 99)
        assert not live.publish(7, 1)
        assert live.live([7])[7].tags == ("first",)

    def test_a_tombstone_is_for_ever(self, live: Records) -> None:
        assert live.bury(7, 123.0)
        assert not live.bury(7, 456.0)
        assert not live.put(a_record(), 0xFFFFFFFF)
        assert not live.publish(7, 0xFFFFFFFF)
        assert not live.journal(7, ["t", "+", "late"])
        assert not live.compact(7)
        entry = live.read([7])[7]
        assert (entry.record, entry.live, entry.buried) == (None, False, 123.0)
        assert live.purge(7)
        assert live.read([7]) == {}

    def test_only_a_tombstone_is_purged(self, live: Records) -> None:
        assert not live.purge(7)
        assert not live.purge(8)
        assert 7 in live.live([7])

    def test_what_is_forbidden_is_never_written(self, live: Records) -> None:
        assert live.forbid(8, 1.0)
        assert not live.put(a_record(id=8), 1)
        assert not live.forbid(7, 1.0)
        assert 7 in live.live([7])

    def test_the_journal_tells_in_order(self, live: Records) -> None:
        for sign, tag in (("+", "a"), ("-", "first"), ("+", "b"), ("-", "a"), ("+", "a")):
            assert live.journal(7, ["t", sign, tag])
        assert live.journal(7, ["b", "+", 3], ["b", "-", 4], ["b", "+", 5])
        record = live.live([7])[7]
        assert (record.tags, record.bank_ids) == (("b", "a"), (3, 5))

    def test_sightings_of_a_source_are_one(self, live: Records) -> None:
        sightings = [(50, 60, {"a": 1}), (10,), (70, 80, {}, {"tlp": "red"})]
        for sighting in sightings:
            assert live.journal(7, ["s", "url", "x", *sighting])
        assert live.journal(7, ["s", "url", "y", 5])
        assert live.live([7])[7].sources == (Source("url", "x", 10, 80, {"a": 1}, {"tlp": "red"}), Source("url", "y", 5, 5))

    def test_a_source_forgotten_is_gone_until_it_is_seen_again(self, live: Records) -> None:
        assert live.journal(7, ["s", "url", "x", 5, 9, {"a": 1}], ["s", "url", "y", 5], ["x", "url", "x"], ["x", "url", "never seen"])
        assert live.live([7])[7].sources == (Source("url", "y", 5, 5),)
        assert live.journal(7, ["s", "url", "x", 20])
        assert live.live([7])[7].sources == (Source("url", "y", 5, 5), Source("url", "x", 20, 20))

    def test_a_picture_was_last_seen_at_its_newest_source_or_at_none(self, live: Records) -> None:
        assert live.live([7])[7].last_seen == a_record().added
        assert live.journal(7, ["s", "url", "x", 5, 9], ["s", "url", "y", 7], ["s", "url", "z", 0, 0])
        assert live.live([7])[7].last_seen == 9
        assert live.journal(7, ["l", 20], ["l", 15])
        assert live.compact(7, least=0)
        assert (live.live([7])[7].last_seen, live.live([7])[7].seen) == (20, 20)
        assert live.journal(7, ["s", "url", "x", 30])
        assert live.live([7])[7].last_seen == 30

    def test_revised_it_holds_nothing_of_what_is_gone(self, live: Records, store: Store) -> None:
        assert live.journal(7, ["s", "url", "s3cret", 5], ["s", "url", "y", 5])
        [(before, after)] = live.revise([7, 8], lambda: lambda record: replace(record, sources=record.sources[1:]), 1.0)
        assert after is not None and len(before.sources) == 2
        assert live.live([7])[7].sources == after.sources == (Source("url", "y", 5, 5),)
        assert b"s3cret" not in (store.read([live.key(7)])[0] or b"")

    def test_it_is_judged_anew_when_others_wrote_meanwhile(self, live: Records) -> None:
        judged = list[tuple[str, ...]]()

        def judge(record: Record) -> Record | None:
            judged.append(record.tags)
            if len(judged) < 3:
                assert live.journal(7, ["t", "+", str(len(judged))])
            return None

        assert [(before.id, after) for before, after in live.revise([7], lambda: judge, 1.0)] == [(7, None)]
        assert judged == [("first",), ("first", "1"), ("first", "1", "2")]
        assert live.read([7])[7].record is None
        assert live.revise([7, 8], lambda: judge, 1.0) == []

    def test_judged_good_as_it_is_it_is_not_written(self, live: Records, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Store, "numbers", None)
        monkeypatch.setattr(Store, "run", None)
        assert live.revise([7], lambda: lambda record: record, 1.0) == []

    def test_compaction_forgets_for_good_and_changes_no_answer(self, live: Records, store: Store) -> None:
        for n in range(20):
            assert live.journal(7, ["s", "url", "x", n, n, {"secret": "s3cret"}], ["s", "url", f"y{n}", n], ["x", "url", "x"])
        assert live.journal(7, ["s", "url", "y3", 99])
        before = live.live([7])[7]
        assert live.compact(7, least=0)
        assert live.live([7])[7] == before
        assert b"s3cret" not in (store.read([live.key(7)])[0] or b"")
        assert not live.compact(7, least=0)

    def test_a_record_of_many_sources_is_not_rewritten_with_every_one(self, live: Records, monkeypatch: pytest.MonkeyPatch) -> None:
        compacted: list[int] = []
        monkeypatch.setattr(live, "compact", compacted.append)
        for n in range(2000):
            assert live.journal(7, ["s", "url", f"https://shop.example/{n}", n])
        assert 3 <= len(compacted) <= 16
        assert len(live.live([7])[7].sources) == 2000

    def test_nothing_is_noted_of_a_picture_unknown(self, records: Records, store: Store) -> None:
        assert not records.journal(9, ["t", "+", "a"])
        assert store.read([records.key(9)]) == [None]

    def test_compaction_keeps_what_others_note_meanwhile(self, live: Records, store: Store) -> None:
        def note(who: int) -> None:
            for n in range(60):
                assert live.journal(7, ["t", "+", f"{who}-{n}"], *[["t", "+", "first"]] * 30)

        threads = [threading.Thread(target=note, args=(who,)) for who in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        record = live.live([7])[7]
        assert set(record.tags) == {"first"} | {f"{who}-{n}" for who in range(3) for n in range(60)}
        assert record.fingerprints == a_record().fingerprints
        assert len(store.read([live.key(7)])[0] or b"") < 20_000

    def test_large_fingerprints_lie_beside_it(self, store: Store) -> None:
        large = LargeFingerprints(store)
        large.put(7, {"local": b"much", "other": b"more"})
        large.put(8, {"local": b"less"})
        assert large.read("local", [7, 8, 9]) == {7: b"much", 8: b"less"}
        large.delete(7, ["local", "other", "unknown"])
        assert list(large.all()) == [(8, ("local",))]
