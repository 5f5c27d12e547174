"""Which slot a command goes to, by itself and in columns."""

from binascii import crc_hqx

import numpy as np
import pytest

from matcher.nodes import together
from matcher.protocol import command, command_rows, cut, gathered, side_by_side, strings
from matcher.slots import SLOTS, Listed, Rows, divided, key_of, slot, slots


@pytest.mark.parametrize(
    ("key", "expected"),
    # The first is the check value of the specification; the others are what CLUSTER KEYSLOT answers.
    [(b"123456789", 0x31C3), (b"", 0), (b"{user1000}.following", 3443), (b"{user1000}.followers", 3443), (b"foo{}{bar}", 8363)],
)
def test_the_slot_of_a_key(key: bytes, expected: int) -> None:
    assert slot(key) == expected


@pytest.mark.parametrize(
    ("key", "part"), [(b"foo{{bar}}zap", b"{bar"), (b"foo{bar}{zap}", b"bar"), (b"a{b", b"a{b"), (b"a}b{c", b"a}b{c"), (b"{}a", b"{}a")]
)
def test_a_part_in_braces_decides(key: bytes, part: bytes) -> None:
    assert slot(key) == crc_hqx(part, 0) % SLOTS


def test_many_keys_are_as_each_by_itself() -> None:
    rng = np.random.default_rng(1)
    for length in (1, 2, 9, 17):
        keys = rng.choice(np.array([0, 65, 123, 125, 255], np.uint8), (500, length))
        assert slots(keys).tolist() == [slot(row.tobytes()) for row in keys]


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ((b"GET", b"k"), b"k"),
        ((b"EVALSHA", b"abc", b"1", b"k", b"a"), b"k"),
        ((b"eval", b"return 1", b"0"), b""),
        ((b"BITOP", b"OR", b"k", b"k"), b"k"),
        ((b"MEMORY", b"USAGE", b"k"), b"k"),
        ((b"PING",), b""),
        ((b"SET", b"", b"$3\r\nabc"), b""),
    ],
)
def test_the_key_of_a_command(words: tuple[bytes, ...], key: bytes) -> None:
    assert key_of(command(*words)) == key


def test_pieces_are_divided_into_the_commands_they_are_made_of() -> None:
    keys = np.random.default_rng(2).integers(0, 256, (300, 5), np.uint8)
    for text, count in cut(side_by_side(b"*3\r\n$6\r\nSETNX1\r\n", strings(keys), strings(keys))):
        batch = divided(text, count)
        assert isinstance(batch, Rows)
        assert batch.slots.tolist() == [slot(row.tobytes()) for row in keys[:count]]
        assert batch.some(np.arange(count)) == text


def test_commands_that_only_add_up_to_rows_are_told_apart() -> None:
    # Two commands as long as two of the first, their parts elsewhere.
    each = [command(b"SET", b"ab", b"cdef"), command(b"SET", b"abcd", b"ef")]
    assert len(each[0]) == len(each[1])
    ((text, count),) = gathered(each)
    batch = divided(text, count)
    assert isinstance(batch, Listed)
    assert batch.slots.tolist() == [slot(b"ab"), slot(b"abcd")]
    assert batch.some(np.array([1])) == each[1]
    other = [command(b"GET", b"ab"), command(b"HGETALL", b"k" * 5)]
    assert divided(b"".join(other), 2).slots.tolist() == [slot(b"ab"), slot(b"kkkkk")]


def test_rows_of_commands_with_the_key_further_back() -> None:
    keys = np.array([[1, 2], [3, 4]], np.uint8)
    assert Rows(command_rows(b"EVALSHA", b"f" * 40, b"1", keys)).slots.tolist() == [slot(b"\1\2"), slot(b"\3\4")]


def test_what_several_servers_say_is_added_up() -> None:
    one: dict[str, object] = {"used_memory": 5, "aof_enabled": 1, "aof_rewrite_in_progress": 0, "redis_version": "6.2"}
    infos: list[dict[str, object]] = [one, {"used_memory": 7, "aof_enabled": 0}]
    said = {"used_memory": 12, "aof_enabled": 0, "aof_rewrite_in_progress": 0, "redis_version": "6.2"}
    assert together(infos) == said
    assert together(infos[:1]) == infos[0]
