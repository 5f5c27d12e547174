"""`make run`: loads the samples, serves MISP, asks MISP's question about a few pictures, and goes on serving until Ctrl-C."""

import argparse
import base64
import json
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from matcher.redis_server import EmbeddedRedis
from matcher.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
CONFIG = "samples/demo.toml"
ASKED = (
    "tinlark-phishing-warning.jpg",
    "marrowbridge-phishing-cookies.png",
    "octopus-forum-post.jpg",
    "lookalike-login.png",
    "skerry-weather.png",
)
BANKS = (
    ("login pages", "baseline", ("marrowbridge.example", "tinlark.example", "ovalquay.example"), "samples/baseline"),
    ("seen before", "observed", (), "samples/seen"),
    ("blank pages", "ignore", (), "samples/ignore"),
)
EXISTS_ALREADY = 5
OWN_STORE = ROOT / ".demo"
NEXT = """
Kuato answers MISP at {misp}, and programs at {api}, until Ctrl-C.
{api}/api is a page to try it on. In another terminal:

  {kuato} search samples/queries
  {kuato} search YOUR-PICTURE.png
  {kuato} compare samples/baseline/tinlark-login.png samples/queries/tinlark-half.webp
  {kuato} list --bank "login pages"
  curl --data-binary @samples/queries/octopus-crop.png {api}/api/v1/search

docs/misp.md tells how to connect your MISP, docs/api.md what the API can do. Without --config {config}
the same commands work on a store of your own.
"""


class Demo:
    """One run; `program` is the command kuato with the demo's settings, whatever store the environment names."""

    def __init__(self, store: Path) -> None:
        kuato = Path(sys.executable).with_name("kuato")
        self.program = [str(kuato), "--config", CONFIG, "--set", "redis.url=", "--set", f"data.dir={store}"]
        self.redis = EmbeddedRedis(store)
        self.shown = f"{kuato.relative_to(ROOT) if kuato.is_relative_to(ROOT) else kuato.name} --config {CONFIG}"

    def load(self) -> None:
        """Put the samples into banks; the demo's own store begins empty, as an earlier version of Kuato may have left it."""
        if self.redis.directory == OWN_STORE:
            self.redis.stop()
            shutil.rmtree(OWN_STORE, ignore_errors=True)
        for name, kind, domains, folder in BANKS:
            create = ["bank", "create", name, "--kind", kind, *(part for domain in domains for part in ("--domain", domain))]
            self._run(create, forgiven=EXISTS_ALREADY)
            self._run(["add", folder, "--bank", name])

    def serve(self) -> tuple["subprocess.Popen[str]", dict[str, str]]:
        """Start the server; return it and its addresses, by listener."""
        listen = {name: self._free(f"{name}.listen") for name in ("web", "misp")}
        print(f"\n$ {self.shown} serve")
        options = [part for name, address in listen.items() for part in ("--set", f"{name}.listen={address}")]
        server = subprocess.Popen([*self.program, *options, "serve"], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        assert server.stderr
        urls: dict[str, str] = {}
        for line in server.stderr:
            print(line, end="")
            if found := re.search(r"(\w+) listens on (http://\S+)", line):
                urls[found[1]] = found[2]
            if len(urls) == len(listen):
                return server, urls
        raise SystemExit(server.wait() or 1)

    def _free(self, setting: str) -> str:
        listen: str = Settings.load(ROOT / CONFIG)[setting]
        if _is_free(listen):
            return listen
        print(f"\n({listen} is taken: another port is used this time)")
        return "127.0.0.1:0"

    def _run(self, arguments: list[str], forgiven: int = 0) -> None:
        print(f"\n$ {self.shown} {shlex.join(arguments)}", flush=True)
        done = subprocess.run([*self.program, *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE if forgiven else None)
        if done.returncode not in (0, forgiven):
            raise SystemExit(done.returncode)


def ask(url: str, picture: Path) -> dict[str, Any]:
    """Send a picture as MISP does when an analyst presses Enrich on an attachment; return the answer."""
    attribute = {
        "type": "attachment",
        "uuid": str(uuid.uuid4()),
        "value": picture.name,
        "data": base64.b64encode(picture.read_bytes()).decode(),
    }
    body = json.dumps({"module": "image_correlation", "attribute": attribute, "config": []}).encode()
    request = urllib.request.Request(f"{url}/query", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def in_words(answer: dict[str, Any]) -> str:
    """Return the best match's line, or NO with what MISP is told instead."""
    objects = answer["results"].get("Object", [])
    if not objects:
        return f"NO: {answer.get('comment') or answer.get('error')}"
    rows = {row["object_relation"]: row["value"] for row in objects[0]["Attribute"]}
    return str(rows["explanation"])


def _is_free(listen: str) -> bool:
    host, _, port = listen.rpartition(":")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError:
            return False
    return True


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def main() -> None:
    signal.signal(signal.SIGTERM, _leave)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exit", action="store_true", help="end after the answers")
    parser.add_argument("--store", metavar="FOLDER", type=Path, default=OWN_STORE, help="where the demo's Redis keeps its data")
    given = parser.parse_args()
    begun = time.monotonic()
    demo, server = Demo(given.store.absolute()), None
    try:
        demo.load()
        server, urls = demo.serve()
        print("\nMISP asks about five pictures:\n")
        for name in ASKED:
            print(f"  {name}\n      {in_words(ask(urls['misp'], ROOT / 'samples' / 'queries' / name))}", flush=True)
        print(f"\n(all of this took {time.monotonic() - begun:.0f} s)")
        if given.exit:
            return
        print(NEXT.format(**urls, kuato=demo.shown, config=CONFIG), flush=True)
        if server.stderr:
            for line in server.stderr:
                print(line, end="", file=sys.stderr)
    except KeyboardInterrupt:
        print()
    finally:
        if server is not None:
            server.terminate()
            server.wait()
        demo.redis.stop()


if __name__ == "__main__":
    main()
