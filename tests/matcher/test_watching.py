"""Files that appear in a folder, told once each when they are finished."""

import os
import shutil
from hashlib import md5, sha1, sha256
from pathlib import Path
from threading import Event

import pytest

from matcher.errors import NotFound
from matcher.source import Source
from matcher.watching import Follower, follow, source_of


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def follower(tmp_path: Path, clock: Clock) -> Follower:
    return Follower(tmp_path, settled=1.0, clock=clock)


def written(path: Path, content: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


class TestFollower:
    def test_a_file_is_told_once_it_is_unchanged_for_a_moment(self, tmp_path: Path, follower: Follower, clock: Clock) -> None:
        path = written(tmp_path / "a.png")
        follower.changed([str(path)])
        assert follower.finished() == []
        clock.now += 0.9
        assert follower.finished() == []
        clock.now += 0.1
        assert follower.finished() == [path]
        clock.now += 10
        follower.changed([str(path)])
        follower.look()
        clock.now += 10
        assert follower.finished() == []

    def test_a_file_that_grows_is_waited_for(self, tmp_path: Path, follower: Follower, clock: Clock) -> None:
        path = tmp_path / "a.png"
        for length in range(1, 6):
            written(path, "x" * length)
            follower.changed([str(path)])
            clock.now += 0.9
            assert follower.finished() == []
        clock.now += 0.1
        assert follower.finished() == [path]

    def test_also_when_nobody_reports_it(self, tmp_path: Path, follower: Follower, clock: Clock) -> None:
        path = written(tmp_path / "a.png")
        follower.look()
        written(path, "longer")
        clock.now += 1
        assert follower.finished() == []
        clock.now += 1
        assert follower.finished() == [path]

    def test_written_anew_it_is_told_anew(self, tmp_path: Path, follower: Follower, clock: Clock) -> None:
        path = written(tmp_path / "a.png")
        for content in ("one", "another"):
            written(path, content)
            follower.changed([str(path)])
            clock.now += 1
            assert follower.finished() == [path]

    def test_renamed_into_place(self, tmp_path: Path, follower: Follower, clock: Clock) -> None:
        before = written(tmp_path / ".a.png.Xy12")
        part = written(tmp_path / "b.png.part")
        follower.look()
        clock.now += 5
        assert follower.finished() == []
        paths = [before.rename(tmp_path / "a.png"), part.rename(tmp_path / "b.png")]
        follower.changed([str(before), str(part), *map(str, paths)])
        clock.now += 1
        assert follower.finished() == paths

    def test_what_was_there_before_is_not_told_until_it_changes(self, tmp_path: Path, clock: Clock) -> None:
        old, changing = written(tmp_path / "old.png"), written(tmp_path / "changing.png")
        follower = Follower(tmp_path, clock=clock)
        written(changing, "now finished")
        follower.look()
        clock.now += 1
        assert follower.finished() == [changing]
        assert old.exists()

    def test_unless_that_is_asked_for(self, tmp_path: Path, clock: Clock) -> None:
        paths = [written(tmp_path / name) for name in ("b.png", "deep/er/a.png", "c.png")]
        for place, path in enumerate(paths):
            os.utime(path, (place, place))
        follower = Follower(tmp_path, existing=True, clock=clock)
        follower.look()
        clock.now += 1
        assert follower.finished() == paths  # the oldest first

    def test_what_vanishes_is_forgotten(self, tmp_path: Path, follower: Follower, clock: Clock) -> None:
        path = written(tmp_path / "a.png")
        follower.changed([str(path)])
        path.unlink()
        clock.now += 1
        assert follower.finished() == []
        follower.changed([str(path)])
        assert follower.finished() == []

    def test_a_new_folder_is_looked_through_and_once_more_when_it_is_quiet(self, tmp_path: Path, follower: Follower, clock: Clock) -> None:
        first = written(tmp_path / "new" / "deep" / "a.png")
        follower.changed([str(tmp_path / "new")])
        second = written(tmp_path / "new" / "deep" / "b.png")  # nobody reports it
        clock.now += 1
        assert follower.finished() == [first]
        clock.now += 1
        assert follower.finished() == [second]

    def test_pipes_and_links_to_nothing_are_passed_over(self, tmp_path: Path, follower: Follower, clock: Clock) -> None:
        os.mkfifo(tmp_path / "pipe.png")
        (tmp_path / "link.png").symlink_to("nowhere")
        follower.changed([str(tmp_path / "pipe.png"), str(tmp_path / "link.png")])
        follower.look()
        clock.now += 1
        assert follower.finished() == []

    def test_what_could_not_be_done_is_told_again_after_a_while(self, tmp_path: Path, follower: Follower, clock: Clock) -> None:
        path = written(tmp_path / "a.png")
        follower.changed([str(path)])
        clock.now += 1
        assert follower.finished() == [path]
        follower.again(path)
        clock.now += 1
        assert follower.finished() == []
        clock.now += 10
        assert follower.finished() == [path]

    def test_a_folder_that_is_gone_is_told(self, tmp_path: Path, clock: Clock) -> None:
        folder = tmp_path / "in"
        folder.mkdir()
        follower = Follower(folder, clock=clock)
        folder.rmdir()
        with pytest.raises(NotFound, match="is gone"):
            follower.look()


class TestFollow:
    """With the real reports of the kernel."""

    def told(self, folder: Path, begin: object, count: int, existing: bool = False) -> set[str]:
        """What is told until there are so many; `begin` is called when the first look was taken."""
        stop, found = Event(), set[str]()
        follower = Follower(folder, settled=0.1, existing=existing)
        look = follower.look

        def looked() -> None:
            look()
            if callable(begin) and not started.is_set():
                started.set()
                begin()

        started = Event()
        follower.look = looked  # type: ignore[method-assign]
        for files in follow(follower, folder, stop):
            found |= {str(file.relative_to(folder)) for file in files}
            if len(found) >= count:
                stop.set()
        return found

    def test_what_comes_is_told(self, tmp_path: Path) -> None:
        def begin() -> None:
            written(tmp_path / "a.png")
            written(tmp_path / "deep" / "er" / "b.png")
            written(tmp_path / "c.tmp").rename(tmp_path / "c.png")

        assert self.told(tmp_path, begin, 3) == {"a.png", "deep/er/b.png", "c.png"}

    def test_what_came_before_the_watch_was_set_up_as_well(self, tmp_path: Path) -> None:
        written(tmp_path / "a.png")
        assert self.told(tmp_path, None, 1, existing=True) == {"a.png"}

    def test_a_name_that_is_no_text_does_not_end_it(self, tmp_path: Path) -> None:
        name = os.fsdecode(b"latin-\xe9.png")

        def begin() -> None:
            written(tmp_path / name)
            written(tmp_path / "a.png")

        assert self.told(tmp_path, begin, 2) == {"a.png", name}

    def test_a_folder_that_is_gone_ends_it(self, tmp_path: Path) -> None:
        folder = tmp_path / "in"
        folder.mkdir()
        follower = Follower(folder)
        with pytest.raises(NotFound):
            for _ in follow(follower, folder, _gone(folder), every=0):
                pytest.fail("nothing was there to tell")

    def test_told_to_stop_it_does(self, tmp_path: Path) -> None:
        stop = Event()
        stop.set()
        assert list(follow(Follower(tmp_path), tmp_path, stop)) == []


def _gone(folder: Path) -> Event:
    shutil.rmtree(folder)
    return Event()


HASHES = {"MD5": "0123456789abcdef" * 2, "SHA-1": "0123456789" * 4, "SHA-256": "0123456789ABCDEF" * 4}


class TestSources:
    @pytest.mark.parametrize("kind", HASHES)
    @pytest.mark.parametrize(
        "name", ["{}.png", "{}_1.png", "{}/shot.png", "{}/shots/1.png", "run {}/x.png", "x{}.png", "{}0.png", "{}z.png"]
    )
    def test_a_sample_is_named_by_its_hash(self, tmp_path: Path, kind: str, name: str) -> None:
        path = tmp_path / name.format(HASHES[kind])
        found = source_of(path, tmp_path, b"picture")
        if name.startswith("{}") and name not in ("{}0.png", "{}z.png"):
            assert found == Source("sample", HASHES[kind].lower(), metadata={"path": str(path)})
        else:
            assert found == Source("file", str(path))

    def test_the_nearest_name_counts(self, tmp_path: Path) -> None:
        outer, inner = HASHES["MD5"], HASHES["SHA-1"]
        assert source_of(tmp_path / outer / inner / "1.png", tmp_path, b"").id == inner
        assert source_of(tmp_path / outer / f"{inner}.png", tmp_path, b"").id == inner

    def test_the_folder_itself_may_be_the_sample(self, tmp_path: Path) -> None:
        folder = tmp_path / HASHES["SHA-256"]
        assert source_of(folder / "1.png", folder, b"").kind == "sample"
        assert source_of(folder / "shots" / "1.png", folder / "shots", b"").kind == "file"

    @pytest.mark.parametrize("hashed", [md5, sha1, sha256])
    def test_a_picture_named_by_its_own_hash_is_no_sample(self, tmp_path: Path, hashed: object) -> None:
        assert callable(hashed)
        name = f"{hashed(b'picture').hexdigest()}.png"
        assert source_of(tmp_path / name, tmp_path, b"picture").kind == "file"
        assert source_of(tmp_path / HASHES["MD5"] / name, tmp_path, b"picture").id == HASHES["MD5"]

    def test_a_path_that_is_no_text_is_escaped(self, tmp_path: Path) -> None:
        assert source_of(tmp_path / os.fsdecode(b"\xe9.png"), tmp_path, b"").id == f"{tmp_path}/\\xe9.png"
