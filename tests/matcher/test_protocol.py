"""Many commands in one piece: what a server reads, the same as one by one."""

import numpy as np
import pytest
import redis

from matcher.errors import StoreUnavailable
from matcher.protocol import command, command_pairs, commands, cut, gathered, side_by_side, string, strings
from matcher.store import Store

COLUMN = np.arange(12, dtype=np.uint8).reshape(3, 4)


def test_columns_become_commands() -> None:
    each = [command(b"SET", row.tobytes(), b"1") for row in COLUMN]
    assert commands(b"SET", COLUMN, b"1") == b"".join(each)
    assert side_by_side(b"*2\r\n", string(b"GET"), strings(COLUMN)).tobytes() == b"".join(command(b"GET", row.tobytes()) for row in COLUMN)


def test_pairs_become_commands_each() -> None:
    pairs = [(b"key", b"value"), (b"longer key", b""), (b"yek", b"other"), (b"key", b"again")]
    made = command_pairs([b"APPEND", b"1"], pairs)
    assert sorted(made) == sorted(command(b"APPEND", b"1", *pair) for pair in pairs)
    assert [one for one in made if b"\r\nkey\r\n" in one] == [command(b"APPEND", b"1", *pair) for pair in pairs if pair[0] == b"key"]
    assert command_pairs([b"APPEND"], []) == []


@pytest.mark.parametrize("length", [0, 1, 40, 100_000])
def test_pieces_hold_all_commands_in_their_order(length: int) -> None:
    each = [command(b"SET", b"k%d" % n, b"x" * length) for n in range(500 if length < 1000 else 5)]
    pieces = list(gathered(each))
    assert b"".join(text for text, _ in pieces) == b"".join(each)
    assert sum(count for _, count in pieces) == len(each)
    block = np.frombuffer(b"".join(f"{n:08d}".encode() for n in range(20_000)), np.uint8).reshape(-1, 8)
    assert b"".join(text for text, _ in cut(block)) == block.tobytes()
    assert sum(count for _, count in cut(block)) == 20_000
    assert list(cut(block[:0])) == list(gathered([])) == []


class TestNumbers:
    @pytest.fixture
    def store(self, store_url: str) -> Store:
        return Store(lambda: store_url, "test:")

    def test_they_come_in_the_order_of_their_commands(self, store: Store) -> None:
        each = [command(b"INCRBY", b"test:%d" % n, b"%d" % (n * n)) for n in range(5000)]
        pieces = [(b"".join(each[at : at + 7]), len(each[at : at + 7])) for at in range(0, 5000, 7)]
        assert store.numbers(pieces).tolist() == [n * n for n in range(5000)]
        assert store.numbers([]).tolist() == []

    def test_a_refused_command_is_told_and_leaves_nothing_unread(self, store: Store) -> None:
        store.write(b"test:text", b"no number")
        bad = [command(b"INCR", b"test:%d" % n) for n in range(100)]
        bad[50] = command(b"INCR", b"test:text")
        with pytest.raises(StoreUnavailable, match="not an integer"):
            store.numbers((one, 1) for one in bad)
        assert store.numbers((command(b"STRLEN", b"test:text"), 1) for _ in range(30)).tolist() == [9] * 30
        assert store.read([b"test:text"]) == [b"no number"]

    def test_each_entry_is_in_the_list_of_its_word(self, store: Store) -> None:
        rng = np.random.default_rng(1)
        words = rng.integers(0, 50, 3000).astype(np.uint16) * np.uint16(1300)
        entries = rng.integers(0, 256, (3000, 8), np.uint8)
        assert store.file(b"test:p", words, entries).tolist() == []
        again = store.file(b"test:p", words[:100], entries[:100])
        assert set(again.tolist()) == set(words[:100].tolist())
        for word in np.unique(words).tolist():
            expected = entries[words == word].tobytes() + entries[:100][words[:100] == word].tobytes()
            assert store.read([b"test:p" + word.to_bytes(2, "big")]) == [expected]
        store.shorten(b"test:p", again)
        assert store.read([b"test:p" + int(words[0]).to_bytes(2, "big")])[0] is not None
        assert len(store.file(b"test:p", words[:0], entries[:0])) == 0


class TestAnswers:
    @pytest.fixture
    def store(self, store_url: str) -> Store:
        return Store(lambda: store_url, "test:")

    def test_all_come_in_their_order(self, store: Store) -> None:
        large = b"x" * 300_000
        store.write_many([(b"test:large", large), (b"test:small", b"1")])
        asked = [command(b"GET", key) for key in (b"test:large", b"test:none", b"test:small")] * 5
        assert store.exchange(asked) == [large, None, b"1"] * 5
        assert store.exchange([]) == []

    def test_an_error_among_them_is_raised_and_the_next_question_answered(self, store: Store) -> None:
        store.write(b"test:text", b"no number")
        with pytest.raises(StoreUnavailable, match="not an integer"):
            store.send([command(b"INCR", b"test:a"), command(b"INCR", b"test:text"), command(b"INCR", b"test:b")])
        assert store.read([b"test:a", b"test:b"]) == [b"1", b"1"]

    def test_a_connection_that_was_closed_meanwhile_is_replaced(self, store: Store, store_url: str) -> None:
        store.write(b"test:a", b"1")
        with redis.Redis.from_url(store_url) as other:
            other.client_kill_filter(_type="normal", skipme=True)
        store.write(b"test:a", b"2")
        assert store.read([b"test:a"]) == [b"2"]
