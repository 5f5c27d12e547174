"""From what people name on the command line (files, folders, `-`) to bytes, and the work on many of them at once."""

import os
import stat
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from matcher import pages
from matcher.errors import BadPicture, BadRequest, FetchFailed, KuatoError, Late, NotAPicture, NotFound, Refused, TooLarge
from matcher.formats import sniff

STDIN = "-"
_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".ico")
# What concerns one picture alone; with any other error all the rest would fail as well.
ONE_PICTURE = (BadPicture, NotFound, Refused, BadRequest, FetchFailed, Late)

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Input:
    """One file, URL, or standard input. found: it was met in a folder, not named itself."""

    path: str
    found: bool = False

    @property
    def name(self) -> str:
        """The path as text that any encoding and any JSON parser takes; bytes that are no UTF-8 are escaped."""
        return "standard input" if self.path == STDIN else as_text(self.path) or "''"

    @property
    def is_url(self) -> bool:
        """Whether it is to be fetched."""
        return not self.found and self.path.lower().startswith(("http://", "https://"))

    @property
    def is_stream(self) -> bool:
        """Whether it can be read once only: standard input, a pipe, a device."""
        return self.path == STDIN or not stat.S_ISREG(_mode(self.path) or stat.S_IFREG)

    @property
    def called_picture(self) -> bool:
        """Whether it was named itself, or is called like a picture: then it had better be one."""
        return not self.found or self.path.lower().endswith(_SUFFIXES)

    def read(self, most: int, setting: str = "picture.max_bytes") -> bytes:
        """Return the bytes, at most `most`, as a setting says. Raises NotFound, Refused, TooLarge, BadRequest."""
        with self._opened() as file:
            return self._rest(file, b"", most, setting)

    def read_either(self, most: int, most_of_page: int) -> bytes:
        """Return the bytes of a picture or a saved web page, for which limits differ. Raises as `read` does."""
        with self._opened() as file:
            head = file.read(pages.HEAD)
            limit = (most_of_page, "pages.max_bytes") if pages.is_page(head, self.path) else (most, "picture.max_bytes")
            return self._rest(file, head, *limit)

    def is_picture(self) -> bool:
        """Whether it is worth reading: named itself, begins like a picture, or is called one."""
        if self.called_picture:
            return True
        try:
            return sniff(self.head()) is not None
        except KuatoError:
            return True  # read() will say what is wrong

    def head(self) -> bytes:
        """Return the first bytes, which tell what it is; not of a stream, where they would be missed. Raises as `read` does."""
        with self._opened() as file:
            return file.read(pages.HEAD)

    def _rest(self, file: BinaryIO, head: bytes, most: int, setting: str) -> bytes:
        size = 0 if self.path == STDIN else os.fstat(file.fileno()).st_size
        if size > most:
            raise TooLarge(f"{self.name} has {size / 1e6:.1f} MB, the limit is {most / 1e6:.1f} ({setting})")
        data = head + file.read(max(most + 1 - len(head), 0))
        if len(data) > most:
            raise TooLarge(f"{self.name} has more than {most / 1e6:.1f} MB, the limit ({setting})")
        return data

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        """Open the file, and say in our words what is wrong with it, also while it is read."""
        try:
            if self.path == STDIN:
                yield sys.stdin.buffer
                return
            with open(self.path, "rb") as file:
                yield file
        except (FileNotFoundError, NotADirectoryError):
            if self.is_url:
                raise BadRequest(f"{self.name} is a URL; only `kuato add` fetches: save the file, and name that") from None
            raise NotFound(f"{self.name} does not exist; check the path") from None
        except PermissionError:
            raise Refused(f"{self.name} may not be read; check its permissions") from None
        except IsADirectoryError:
            raise BadRequest(f"{self.name} is a folder; name a file") from None
        except OSError as error:
            raise BadRequest(f"{self.name} cannot be read: {error.strerror}") from None


def collected(paths: Sequence[str]) -> Iterator[Input]:
    """Yield the files named, and all files in the folders named, in their order, each folder's by name. Raises BadRequest."""
    if paths.count(STDIN) > 1:
        raise BadRequest("standard input (-) can be read once; give it once")
    for path in paths:
        if path not in (STDIN, "") and stat.S_ISDIR(_mode(path) or 0):
            yield from _walked(path)
        else:
            yield Input(path)


def _walked(folder: str) -> Iterator[Input]:
    unreadable: list[OSError] = []
    for parent, folders, files in os.walk(folder, onerror=unreadable.append):
        folders.sort()
        for name in sorted(files):
            path = str(Path(parent, name))
            mode = _mode(path)
            # A pipe or a socket would keep us waiting; a link to nothing is worth a complaint.
            if mode is None or stat.S_ISREG(mode):
                yield Input(path, found=True)
    for error in unreadable:
        yield Input(str(error.filename))


def _mode(path: str) -> int | None:
    """Return what the path leads to, as in stat; None where that cannot be told."""
    try:
        return Path(path).stat().st_mode
    except OSError:
        return None


def in_parallel(work: Callable[[Item], Result], items: Iterable[Item], jobs: int) -> Generator[Result, None, None]:
    """Yield the result of each item in order, with `jobs` threads and only a few items ahead.

    Left early (an error, Ctrl-C), what is in work is finished and the rest not begun.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(jobs) as threads:
        try:
            for item in items:
                waiting.append(threads.submit(work, item))
                while waiting and (waiting[0].done() or len(waiting) >= 4 * jobs):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def batches(items: Iterable[Item], most: int, seconds: float) -> Iterator[list[Item]]:
    """Yield items some at a time: so many at most, or those that came within so many seconds and the one after them."""
    some: list[Item] = []
    began = 0.0
    for item in items:
        began = began if some else time.monotonic()
        some.append(item)
        if len(some) >= most or time.monotonic() - began >= seconds:
            yield some
            some = []
    if some:
        yield some


def no_pictures(paths: Iterable[str]) -> NotAPicture:
    """Return the error for paths under which nothing is worth reading."""
    return NotAPicture(f"there are no pictures in {', '.join(map(as_text, paths))}; name pictures, or folders that hold some")


def as_text(path: str) -> str:
    """Return a path as text without lone surrogates."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def exit_code(errors: Iterable[KuatoError]) -> int:
    """Return 0 without errors, their exit code when they share one, else 1."""
    codes = {error.exit_code for error in errors}
    return codes.pop() if len(codes) == 1 else int(bool(codes))
