"""The inverted index against a plain scan of the same data."""

from math import log

import numpy as np
import pytest

from matcher.index import Ballot, BandIndex, Room, VoteIndex
from matcher.store import Store


@pytest.fixture
def store(store_url: str) -> Store:
    return Store(lambda: store_url, "test:")


def near_duplicates(count: int, bits: int, seed: int = 1) -> np.ndarray:
    """Fingerprints (count, bits / 8) of which a third are others with up to a sixth of their bits flipped."""
    rng = np.random.default_rng(seed)
    found = rng.integers(0, 256, (count, bits // 8), np.uint8)
    for n in range(count // 3):
        flips = rng.choice(bits, rng.integers(0, bits // 6), replace=False)
        mask = np.zeros(bits, np.uint8)
        mask[flips] = 1
        found[n] = found[rng.integers(count // 3, count)] ^ np.packbits(mask)
    return found


@pytest.mark.parametrize("bits", [64, 256])
def test_finds_everything_within_the_radius(store: Store, bits: int) -> None:
    known = near_duplicates(1500, bits)
    index = BandIndex(store, "x", bits)
    for id, fingerprint in enumerate(known, 1):
        store.append(index.entries(id, fingerprint.tobytes()))
    hits = 0
    for query in known[:300]:
        distances = np.bitwise_count(known ^ query).sum(axis=1, dtype=int)
        expected = set((np.flatnonzero(distances <= index.radius) + 1).tolist())
        found = set(index.search(query.tobytes()).ids.tolist())
        assert expected <= found
        assert len(found - expected) <= 5
        hits += len(expected) - 1
    assert hits > 100


def test_of_576_bits_all_within_the_radius_and_hardly_any_others(store: Store) -> None:
    known = near_duplicates(1500, 576)
    index, room = BandIndex(store, "x", 576), Room()
    index.file_many(np.arange(1, 1501, dtype=np.uint32), known, room)
    assert index.radius == 71
    hits = 0
    for query in known[:200]:
        distances = np.bitwise_count(known ^ query).sum(axis=1, dtype=int)
        expected = set((np.flatnonzero(distances <= 71) + 1).tolist())
        found = set(index.search(query.tobytes()).ids.tolist())
        assert expected <= found
        assert sum(distances[id - 1] > 200 for id in found) <= 4
        hits += len(expected) - 1
    assert hits > 50


@pytest.mark.parametrize("bits", [64, 256, 576])
def test_several_are_searched_together_as_each_alone(store: Store, bits: int) -> None:
    known = near_duplicates(600, bits)
    index = BandIndex(store, "x", bits)
    index.file_many(np.arange(1, 601, dtype=np.uint32), known, Room())
    index.MAX_ENTRIES = 3
    asked = [fingerprint.tobytes() for fingerprint in (*known[:9], ~known[0])]
    together, alone = index.search_many(asked), [index.search(one) for one in asked]
    assert [found.ids.tolist() for found in together] == [found.ids.tolist() for found in alone]
    assert [found.truncated for found in together] == [found.truncated for found in alone]
    assert index.search_many([]) == [] and sum(len(found.ids) for found in together) > 9


@pytest.mark.parametrize("bits", [64, 256, 576])
def test_one_by_one_and_many_at_once_are_filed_alike(store: Store, bits: int) -> None:
    known = near_duplicates(30, bits)
    one, many = BandIndex(store, "one", bits), BandIndex(store, "many", bits)
    many.file_many(np.arange(1, 31, dtype=np.uint32), known, Room())
    for id, fingerprint in enumerate(known, 1):
        store.append(one.entries(id, fingerprint.tobytes()))
    lists = [dict(zip(keys, store.read(keys), strict=True)) for keys in (sorted(store.scan(b"pone:")), sorted(store.scan(b"pmany:")))]
    assert list(lists[0].values()) == list(lists[1].values())
    assert len(lists[0]) > 30


@pytest.mark.parametrize("bits", [64, 256])
def test_the_same_fingerprint_is_looked_up_in_one_list(store: Store, bits: int) -> None:
    known = near_duplicates(200, bits)
    known[50:60] = known[3]
    known[60] = known[3]
    known[60, -1] ^= 1  # differs in one bit
    index = BandIndex(store, "x", bits)
    index.file_many(np.arange(200, dtype=np.uint32), known, Room())
    found = set(index.same(known[3].tobytes()).ids.tolist())
    assert found >= {3, *range(50, 60)}
    if bits == 64:
        assert found == set(np.flatnonzero((known == known[3]).all(axis=1)).tolist())
    assert index.same(bytes([0x5A]) * (bits // 8)).ids.size == 0


def test_an_entry_filed_twice_is_found_once(store: Store) -> None:
    index = BandIndex(store, "x", 256)
    for _ in range(2):
        store.append(index.entries(7, b"\xa5" * 32))
    assert index.search(b"\xa5" * 32).ids.tolist() == [7]


def test_a_list_too_long_gives_its_newest_entries_and_says_so(store: Store) -> None:
    index = BandIndex(store, "x", 256)
    index.MAX_ENTRIES = 10
    for id in range(1, 21):
        store.append(index.entries(id, b"\x11" * 32))
    found = index.search(b"\x11" * 32)
    assert found.truncated
    assert found.ids.tolist() == list(range(11, 21))


def test_spaces_do_not_see_each_other(store: Store) -> None:
    store.append(BandIndex(store, "x", 256).entries(1, b"\x11" * 32))
    assert BandIndex(store, "y", 256).search(b"\x11" * 32).ids.size == 0


def test_votes_count_what_is_rare_more(store: Store) -> None:
    index = VoteIndex(store, "x")
    slots = np.array([0, 0, 1])
    store.append(index.entries(1, slots, np.array([10, 11, 10])))
    for id in range(2, 12):
        store.append(index.entries(id, np.array([0]), np.array([10])))
    ballot = index.vote(slots, np.array([10, 11, 10]), 20)
    assert ballot.ids[0] == 1
    rare, common = log(1 + 11) ** 2, log(1 + 11 / 11) ** 2
    assert ballot.votes[0] == pytest.approx(common + rare + rare)
    assert ballot.votes[1] == pytest.approx(common)
    assert ballot.lengths.tolist() == [11, 1, 1]


def test_the_newest_of_a_long_list_vote(store: Store) -> None:
    index = VoteIndex(store, "x", cap=4)
    for id in range(1, 11):
        store.append(index.entries(id, np.array([3]), np.array([99])))
    assert sorted(index.vote(np.array([3]), np.array([99]), 20).ids.tolist()) == [7, 8, 9, 10]


def test_a_list_counts_by_all_of_it_though_only_its_newest_are_read(store: Store) -> None:
    index = VoteIndex(store, "x", cap=4)
    for id in range(1, 11):
        store.append(index.entries(id, np.array([3]), np.array([99])))
    ballot = index.vote(np.array([3]), np.array([99]), 20)
    assert ballot.lengths.tolist() == [10]
    assert ballot.votes == pytest.approx([log(1 + 10 / 10) ** 2] * 4)


def test_only_the_first_of_a_vote_are_told(store: Store) -> None:
    index = VoteIndex(store, "x")
    for id in range(1, 31):
        store.append(index.entries(id, np.zeros(id, int), np.arange(id)))
    assert index.vote(np.zeros(30, int), np.arange(30), 3).ids.tolist() == [30, 29, 28]
    store.append(index.entries(4_000_000, np.zeros(40, int), np.arange(40)))
    assert index.vote(np.zeros(40, int), np.arange(40), 2).ids.tolist() == [4_000_000, 30]


def test_nothing_known_gives_nobody_a_vote(store: Store) -> None:
    ballot = VoteIndex(store, "x").vote(np.array([0, 1]), np.array([5, 6]), 20)
    assert ballot.ids.size == 0
    assert ballot.lengths.tolist() == [0, 0]


def test_what_everybody_has_is_not_rare() -> None:
    none = np.zeros(0, np.int64)
    ballot = Ballot(np.zeros(0, np.uint32), np.zeros(0), np.array([1, 1, 100, 0]))
    assert ballot.rarity(np.array([0, 0, 1, 2])).tolist() == [1.0, 0.01, 1.0]
    assert Ballot(np.zeros(0, np.uint32), np.zeros(0), none).rarity(none).size == 0
