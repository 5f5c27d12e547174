import os
from contextlib import closing
from io import BytesIO
from pathlib import Path
from tempfile import SpooledTemporaryFile

from werkzeug.test import EnvironBuilder

from matcher.web.uploads import Part, UploadRequest


def request(*files):
    with closing(EnvironBuilder(method="POST", data={"picture": [(BytesIO(data), "a") for data in files]})) as builder:
        environ = builder.get_environ()
    with environ["wsgi.input"] as body:
        return UploadRequest(environ | {"wsgi.input": BytesIO(body.read())})


def test_each_file_is_read_by_itself():
    files = [b"first", b"", b"x" * 3_000_000, b"last"]
    asked = request(*files)
    found = asked.files.getlist("picture")
    assert [file.stream.read() for file in found] == files
    assert [file.stream.read() for file in found] == [b""] * 4
    asked.close()


def test_files_are_read_in_any_order_and_in_pieces():
    asked = request(b"0123456789", b"abc")
    first, second = asked.files.getlist("picture")
    assert (first.stream.read(3), second.stream.read(), first.stream.read(3)) == (b"012", b"abc", b"345")
    assert (first.stream.seek(-2, os.SEEK_END), first.stream.read(100), first.stream.tell()) == (8, b"89", 10)
    assert (first.stream.seek(2), first.stream.seek(1, os.SEEK_CUR), first.stream.read()) == (2, 3, b"3456789")
    assert (second.stream.seek(100), second.stream.read(), second.stream.seek(-100)) == (3, b"", 0)
    asked.close()


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_thousand_files_are_one():
    before = open_files()
    asked = request(*[bytes(10_000)] * 1000)
    assert len(asked.files.getlist("picture")) == 1000
    assert open_files() == before + 1
    asked.close()
    assert open_files() == before


def test_a_part_begins_where_the_one_before_ends():
    with SpooledTemporaryFile() as file:
        for text in (b"one", b"two"):
            part = Part(file)
            assert part.write(text) == 3
            part.write(text)
            part.seek(0)
            assert part.read() == text * 2
