"""What asking a server costs: by HTTP and by HTTPS, one by one and many at once, and the memory the client needs for that.

    python benchmarks/client.py --pictures 10000

The server is a process of its own with an embedded Redis; the pictures are small (160 x 120 JPEG), so that the way there is
what is measured, and filled up to --bytes. Large bodies go to an application that does nothing but count their bytes.
"""

import argparse
import io
import json
import multiprocessing
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import trustme
from PIL import Image

from matcher.client import Client
from matcher.redis_server import EmbeddedRedis

LARGE = 30 << 20


def picture(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize((160, 120), Image.Resampling.BICUBIC).save(file, "JPEG", quality=80)
    return file.getvalue()


@contextmanager
def kuato(folder: Path, **settings: object) -> Iterator[str]:
    """Serve the API from a process of its own; yields where."""
    given = {"data.dir": folder, "web.listen": "127.0.0.1:0", "web.rate_limit": 0, **settings}
    words = [sys.executable, "-m", "matcher.cli", *(f"--set={name}={value}" for name, value in given.items()), "serve", "api"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            yield process.stderr.readline().split()[-1]
        finally:
            process.terminate()
            process.wait()
            EmbeddedRedis(folder).stop()


def timed(work: Callable[[], object], times: int) -> str:
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        took.append((time.perf_counter() - begun) * 1000)
    return f"p50 {statistics.median(took):.1f} ms, p95 {sorted(took)[int(times * 0.95)]:.1f} ms"


def one_by_one(name: str, url: str, ca_file: Path) -> None:
    with Client(url, ca_file=ca_file if url.startswith("https") else None) as client:
        known = client.add(picture(1))["picture"]["sha256"]
        print(f"{name}: a known picture by its SHA-256   {timed(lambda: client.get(known), 300)}")
        print(f"{name}: a search, 160 x 120 pixels       {timed(lambda: client.search(picture(1)), 200)}")


def peak_memory() -> int:
    """Return the most bytes that this process ever held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


def many(url: str, folder: Path, count: int) -> None:
    """Hand over many files and read all results, in a process of its own whose memory is measured."""
    with Client(url) as client:
        before = peak_memory()
        begun = time.perf_counter()
        work = client.add_many(sorted(folder.iterdir())[:count])
        handed = time.perf_counter() - begun
        found = sum(1 for result in client.wait(work) if result["error"] is None)
        took = time.perf_counter() - begun
        grown = (peak_memory() - before) / 1e6
    print(f"add_many: {found} of {count} files in {len(work.jobs)} jobs: handed over in {handed:.1f} s, all results after {took:.1f} s")
    print(f"add_many: the client's memory grew by {grown:.0f} MB at most")


def counting(bound_to: "multiprocessing.Queue[str]", certificate: bytes | None, folder: str) -> None:
    """Serve an application that counts bytes."""
    from ipaddress import ip_address

    from matcher.web.http import HttpServer, listen

    def app(environ: dict, start_response: Callable) -> list[bytes]:
        size = 0
        while some := environ["wsgi.input"].read(1 << 20):
            size += len(some)
        start_response("200 OK", [("Content-Type", "application/json")])
        if environ["REQUEST_METHOD"] == "GET":
            return [b'"', b"x" * LARGE, b'"']
        return [json.dumps(size).encode()]

    context = None
    if certificate is not None:
        (Path(folder) / "server.pem").write_bytes(certificate)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(Path(folder) / "server.pem")
    bound = listen(ip_address("127.0.0.1"), 0, "benchmark")
    server = HttpServer(app, bound, threads=2, connections=100, max_body=LARGE * 2, idle=60, context=context)
    bound_to.put(server.url)
    server.run()


def large(name: str, certificate: bytes | None, ca_file: Path, folder: Path) -> None:
    queue: multiprocessing.Queue[str] = multiprocessing.Queue()
    server = multiprocessing.Process(target=counting, args=(queue, certificate, str(folder)))
    server.start()
    try:
        with Client(queue.get(), ca_file=ca_file if certificate else None) as client:
            body = bytes(LARGE)
            sent, received = [], []
            for _ in range(10):
                begun = time.perf_counter()
                client.search(body)
                sent.append(LARGE / 1e6 / (time.perf_counter() - begun))
                begun = time.perf_counter()
                client.stats()
                received.append(LARGE / 1e6 / (time.perf_counter() - begun))
        print(f"{name}: 30 MiB sent at {statistics.median(sent):.0f} MB/s, received at {statistics.median(received):.0f} MB/s")
    finally:
        server.terminate()
        server.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--bytes", type=int, default=0)
    asked = parser.parse_args()
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        authority.cert_pem.write_to_path(folder / "ca.pem")
        issued.private_key_pem.write_to_path(folder / "key.pem")
        issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
        for name, certificate in (("http ", None), ("https", issued.private_key_and_cert_chain_pem.bytes())):
            large(name, certificate, folder / "ca.pem", folder)
        with kuato(folder / "a") as url:
            one_by_one("http ", url, folder / "ca.pem")
        with kuato(folder / "a", **{"web.certificate": folder / "cert.pem", "web.key": folder / "key.pem"}) as url:
            one_by_one("https", url, folder / "ca.pem")
        (folder / "pictures").mkdir()
        for number in range(asked.pictures):
            (folder / "pictures" / f"{number:06}.jpg").write_bytes(picture(number).ljust(asked.bytes, b"\0"))
        with kuato(folder / "b") as url:
            work = multiprocessing.Process(target=many, args=(url, folder / "pictures", asked.pictures))
            work.start()
            work.join()
        subprocess.run(["du", "-sh", folder / "pictures"], check=True)


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    main()
