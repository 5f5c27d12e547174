"""Banks, tags and sources."""

import json
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matcher.bank import Bank
from matcher.catalogue import BankBook, Lists
from matcher.errors import BadRequest, Conflict, KuatoError, NotFound
from matcher.source import Source
from matcher.store import Store
from tests.matcher.making import collection_on, picture


@pytest.fixture
def store(store_url: str) -> Store:
    return Store(lambda: store_url, "test:")


@pytest.fixture
def banks(store: Store) -> BankBook:
    return BankBook(store)


@pytest.fixture
def lists(store: Store) -> Lists:
    return Lists(store)


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """Return what each gave, or the error it ended with."""
    outcomes: list[Any] = []
    start = threading.Barrier(len(actions))

    def run(action: Callable[[], Any]) -> None:
        start.wait()
        try:
            outcomes.append(action())
        except KuatoError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


class TestBanks:
    def test_a_bank_is_what_it_was_created_as(self, banks: BankBook) -> None:
        made = banks.create(
            "Ovalquay ☂",
            kind="baseline",
            tags=("brand:ovalquay",),
            domains=("ovalquay.example",),
            thresholds={"pdq.yes": 0.1, "tiles.maybe": 1},
            sensitive=True,
            note="two\nlines \udcff",
        )
        assert banks.get("Ovalquay ☂") == made
        assert made.id > 0
        assert banks.list() == [made]

    def test_they_are_listed_by_name(self, banks: BankBook) -> None:
        for name in ("c", "a", "b"):
            banks.create(name)
        assert [bank.name for bank in banks.list()] == ["a", "b", "c"]
        assert len({bank.id for bank in banks.list()}) == 3

    def test_one_of_a_name(self, banks: BankBook) -> None:
        first = banks.create("shops", kind="known-bad")
        with pytest.raises(Conflict, match="shops"):
            banks.create("shops")
        assert banks.list() == [first]

    def test_renamed_its_pictures_come_along(self, store_url: str) -> None:
        collection = collection_on(store_url)
        bank = collection.banks.create("old")
        collection.add(picture(1), bank_ids=[bank.id])
        assert collection.banks.rename("old", "new").id == bank.id
        assert collection.get(picture(1).sha256).banks == ("new",)
        with pytest.raises(NotFound):
            collection.banks.get("old")

    def test_not_to_a_name_that_is_taken_nor_from_one_that_is_not(self, banks: BankBook) -> None:
        banks.create("one")
        banks.create("two")
        with pytest.raises(Conflict):
            banks.rename("one", "two")
        with pytest.raises(NotFound):
            banks.rename("three", "four")
        assert banks.rename("one", "one") == banks.get("one")
        assert [bank.name for bank in banks.list()] == ["one", "two"]

    def test_updated_it_keeps_the_rest(self, banks: BankBook) -> None:
        made = banks.create("shops", tags=("a",), note="kept")
        changed = banks.update("shops", kind="ignore", sensitive=True)
        assert changed == banks.get("shops") == Bank(made.id, "shops", "ignore", ("a",), sensitive=True, note="kept")
        with pytest.raises(NotFound):
            banks.update("stalls", kind="ignore")

    def test_it_keeps_its_pictures_for_a_time_of_its_own(self, banks: BankBook) -> None:
        assert banks.create("shops").keep_days is None
        assert banks.update("shops", keep_days=30) == banks.get("shops")
        assert banks.get("shops").keep_days == 30
        for wrong in (-1, 36_501, 1.5, True, "7"):
            with pytest.raises(BadRequest, match="days"):
                banks.update("shops", keep_days=wrong)
        assert banks.update("shops", keep_days=None).keep_days is None

    def test_one_stored_before_there_was_such_a_time_is_read(self, banks: BankBook, store_url: str) -> None:
        made = banks.create("shops", kind="baseline")
        with redis.Redis.from_url(store_url) as client:
            stored = json.loads(client.hget("test:b", "shops") or b"")
            del stored["keep_days"]
            client.hset("test:b", "shops", json.dumps(stored))
        assert banks.get("shops") == made

    def test_deleted_its_pictures_stay(self, store_url: str) -> None:
        collection = collection_on(store_url)
        collection.add(picture(1), bank_ids=[collection.banks.create("shops").id])
        collection.banks.delete("shops")
        assert collection.get(picture(1).sha256).banks == ()
        with pytest.raises(NotFound):
            collection.banks.delete("shops")
        assert collection.banks.create("shops").id != 1
        assert collection.get(picture(1).sha256).banks == ()

    @pytest.mark.parametrize("name", ["", " ", "\t", "a\nb", "x" * 101, "\u202eabc", "\udc80", "a\x00"])
    def test_a_name_that_cannot_be(self, banks: BankBook, name: str) -> None:
        banks.create("shops")
        for attempt in (lambda: banks.create(name), lambda: banks.rename("shops", name)):
            with pytest.raises(BadRequest) as caught:
                attempt()
            assert str(caught.value).isprintable()
        for unknown in (banks.get, banks.delete, banks.update):
            with pytest.raises(NotFound):
                unknown(name)
        assert [bank.name for bank in banks.list()] == ["shops"]

    @pytest.mark.parametrize(
        "details",
        [
            {"kind": "evil"},
            {"kind": ""},
            {"thresholds": {"pdq": 0.1}},
            {"thresholds": {"pdq.no": 0.1}},
            {"thresholds": {".yes": 0.1}},
            {"thresholds": {"pdq.yes": 1.1}},
            {"thresholds": {"pdq.yes": -0.1}},
            {"thresholds": {"pdq.yes": float("nan")}},
            {"thresholds": {"pdq.yes": "0.1"}},
            {"thresholds": {"pdq.yes": True}},
        ],
    )
    def test_details_that_cannot_be(self, banks: BankBook, details: dict[str, Any]) -> None:
        made = banks.create("shops")
        for attempt in (lambda: banks.create("stalls", **details), lambda: banks.update("shops", **details)):
            with pytest.raises(BadRequest):
                attempt()
        assert banks.list() == [made]

    def test_two_creators_at_once_and_one_wins(self, banks: BankBook) -> None:
        outcomes = at_once(*[lambda: banks.create("shops")] * 6)
        assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 5
        assert [outcome for outcome in outcomes if isinstance(outcome, Bank)] == banks.list()

    def test_two_who_change_different_things_at_once(self, banks: BankBook) -> None:
        for n in range(10):
            banks.create(f"shops{n}")
            at_once(lambda: banks.update(f"shops{n}", kind="ignore"), lambda: banks.update(f"shops{n}", note="mine"))  # noqa: B023
            bank = banks.get(f"shops{n}")
            assert (bank.kind, bank.note) == ("ignore", "mine")

    def test_renaming_and_deleting_at_once_leave_it_or_not_but_never_twice(self, banks: BankBook) -> None:
        for _ in range(10):
            banks.create("old")
            at_once(lambda: banks.rename("old", "new"), lambda: banks.rename("old", "newer"), lambda: banks.update("old", note="x"))
            assert len(banks.list()) == 1
            banks.delete(banks.list()[0].name)


class TestLists:
    def test_taken_out_of_a_source_a_picture_is_no_longer_found_there(self, lists: Lists, store: Store) -> None:
        for id in (1, 2, 3):
            store.append(lists.source_entries(id, [Source("url", "x"), Source("url", "y")]))
        lists.unfile([(2, [Source("url", "x"), Source("url", "never")]), (9, [Source("url", "x")])])
        assert lists.seen_at("url", "x").tolist() == [3, 1]
        assert lists.seen_at("url", "y").tolist() == [3, 2, 1]

    def test_filed_again_it_stands_there_once(self, lists: Lists, store: Store) -> None:
        store.append(lists.source_entries(1, [Source("url", "x")]))
        for _ in range(2):
            lists.refile([(1, [Source("url", "x"), Source("url", "y")]), (2, [Source("url", "y")]), (3, [])])
        assert (lists.seen_at("url", "x").tolist(), lists.seen_at("url", "y").tolist()) == ([1], [2, 1])
        [(key, _)] = lists.source_entries(1, [Source("url", "x")])
        assert len(store.read([key])[0] or b"") == 8

    def test_taking_out_keeps_what_others_file_meanwhile(self, lists: Lists, store: Store) -> None:
        store.append([entry for id in range(1, 101) for entry in lists.source_entries(id, [Source("url", "x")])])
        place = [Source("url", "x")]
        take_out = [partial(lists.unfile, [(number, place)]) for number in range(1, 41)]
        file = [partial(store.append, lists.source_entries(number, place)) for number in range(101, 141)]
        at_once(*take_out, *file)
        assert lists.seen_at("url", "x").tolist() == list(range(140, 40, -1))

    def test_newest_first_and_each_once(self, store: Store, lists: Lists) -> None:
        for id in (3, 1, 3, 300, 70_000):
            store.append(lists.tag_entries(id, ["phishing"]) + lists.bank_entries(id, [9]))
        assert lists.tagged("phishing").tolist() == lists.banked(9).tolist() == [70_000, 300, 3, 1]
        assert lists.tagged("phish").size == lists.banked(99).size == 0

    def test_sources_of_one_bucket_are_kept_apart(self, store: Store, lists: Lists, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lists, "SOURCE_BUCKETS", 1)
        for id in range(1, 50):
            store.append(lists.source_entries(id, [Source("url", f"http://{id}.example"), Source("file", str(id))]))
        assert lists.seen_at("url", "http://7.example").tolist() == [7]
        assert lists.seen_at("file", "7").tolist() == [7]
        assert lists.seen_at("file", "x").size == 0
        assert len(list(store.scan(b"o"))) == 1

    @given(st.text(), st.text(), st.text())
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_text_can_be_a_tag_or_a_source(self, lists: Lists, tag: str, kind: str, id: str) -> None:
        store = lists._store
        store.append(lists.tag_entries(5, [tag]) + lists.source_entries(5, [Source(kind, id)]))
        assert 5 in lists.tagged(tag).tolist()
        assert 5 in lists.seen_at(kind, id).tolist()
