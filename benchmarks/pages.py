"""What saved web pages cost that were made to cost much: seconds and memory for 64 MB of each kind of nuisance.

    python benchmarks/pages.py

Each is read in a process of its own; the memory is what that grew by, the file itself not counted. Exits with 1 beyond a limit.
"""

import base64
import os
import resource
import sys
import time
from collections.abc import Callable

from matcher.pages import PageLimits, read_page

SIZE = 64 << 20
SECONDS, MEGABYTES = 30.0, 600.0
MULTIPART = b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=a\r\n\r\n"
PART = MULTIPART + b"--a\nContent-Type: %s\nContent-Transfer-Encoding: %s\n\n"
ENTRIES = b'{"log":{"entries":['


def filled(begin: bytes, part: bytes, end: bytes = b"") -> Callable[[], bytes]:
    return lambda: begin + part * ((SIZE - len(begin) - len(end)) // len(part)) + end


CASES = {
    "HTML, empty data: URLs": filled(b"<html>", b"data:,"),
    "HTML, empty base64": filled(b"<html>", b'"data:;base64,'),
    "HTML, one long picture": filled(b'<html>"data:image/png;base64,iVBORw0KGgo', b"A"),
    "HTML, drawings in drawings": filled(b'<html>"data:image/svg+xml;base64,', base64.b64encode(b"data:image/svg+xml;base64,__")),
    "HTML, entities": filled(b"<html>data", b"&#x2F;&#47;&quot;&sol;\\/"),
    "HTML, long headers": filled(b"<html>", b"data:" + b"a" * 99 + b";" + b"b" * 99),
    "HTML, percent signs": filled(b"<html>data:,", b"%41"),
    "HTML, comments": filled(b"", b"<!---->"),
    "HTML in UTF-16": filled(b"\xff\xfe", "<html>data:,".encode("utf-16-le")),
    "MHTML, parts": filled(MULTIPART, b"\n--a\n"),
    "MHTML, parts in parts": filled(b"", MULTIPART + b"--a\n"),
    "MHTML, base64": filled(PART % (b"image/png", b"base64"), b"A" * 76 + b"\r\n"),
    "MHTML, quoted-printable": filled(PART % (b"text/html", b"quoted-printable"), b"=41=\n"),
    "HAR, empty lists": filled(ENTRIES, b"[],"),
    "HAR, deep lists": filled(ENTRIES, b"["),
    "HAR, escaped quotes": filled(ENTRIES + b'{"x":"', b'\\"'),
    "HAR, small entries": filled(ENTRIES, b'{"pageref":""},'),
    "HAR, one long text": filled(ENTRIES + b'{"response":{"content":{"mimeType":"text/html","text":"', b"\\u4e00", b'"}}}]}}'),
}


def grown() -> float:
    """Megabytes that this process has taken at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    beyond = 0
    for name, make in CASES.items():
        reader, writer = os.pipe()
        if os.fork() == 0:
            data = make()
            before, started = grown(), time.perf_counter()
            read_page(data, "page.html" if name.startswith("HTML") else "page." + name[:5].strip(", ").lower(), PageLimits())
            os.write(writer, f"{time.perf_counter() - started} {grown() - before}".encode())
            os._exit(0)
        os.wait()
        seconds, megabytes = map(float, os.read(reader, 100).split())
        beyond += seconds > SECONDS or megabytes > MEGABYTES
        print(f"{name:28} {seconds:6.2f} s {megabytes:6.0f} MB")
    return int(beyond > 0)


if __name__ == "__main__":
    sys.exit(main())
