"""Our own Redis is given nothing to add when its disk is nearly full."""

from pathlib import Path

import pytest

from matcher.collection import Collection
from matcher.diskroom import DiskRoom
from matcher.errors import StoreFull
from matcher.redis_server import EmbeddedRedis
from matcher.settings import Settings
from matcher.storage import store_of
from tests.matcher.making import ALGORITHMS, answers, picture, seen


def room_left(folder: Path) -> int:
    free = DiskRoom(folder, 0).free()
    assert free is not None
    return free


def test_what_is_known_answers_and_can_be_removed_and_nothing_is_added(tmp_path: Path) -> None:
    def collection(min_free: int) -> Collection:
        given = {"data.dir": tmp_path, "data.min_free": min_free}
        return Collection(store_of(Settings.load(environ={}, overrides=given)), ALGORITHMS)

    try:
        roomy, tight = collection(1 << 20), collection(1 << 62)
        known = roomy.add(picture(1), [seen("/a.png")]).record
        for change in (
            lambda: tight.add(picture(2)),
            lambda: tight.add(picture(1), [seen("/b.png")]),
            lambda: tight.banks.create("shops"),
            lambda: tight.note(known, tags=["new"]),
        ):
            with pytest.raises(StoreFull, match=r"data\.min_free"):
                change()
        assert answers(tight, picture(1)) == [known.sha256]
        assert answers(tight, picture(2)) == []
        assert tight.known(picture(2).sha256) is None
        tight.remove(known.sha256)
        assert answers(tight, picture(1)) == []
        assert roomy.add(picture(2)).new
    finally:
        EmbeddedRedis(tmp_path).stop()


def test_where_the_last_bytes_go_nothing_is_written_at_all(tmp_path: Path) -> None:
    free = room_left(tmp_path)
    DiskRoom(tmp_path, free // 2).check()
    with pytest.raises(StoreFull):
        DiskRoom(tmp_path, free * 2).check()
    DiskRoom(tmp_path, free * 2).check(growing=False)
    assert free > 1 << 20, "else this machine is too full to tell"


def test_a_folder_that_is_not_there_yet_hinders_nobody(tmp_path: Path) -> None:
    assert DiskRoom(tmp_path / "new", 1 << 62).free() is None
    DiskRoom(tmp_path / "new", 1 << 62).check()
