"""The file that runs inside AIL: in a bare Python, against an AbstractModule that behaves as AIL's does, and a Kuato that listens."""

import ast
import hashlib
import json
import os
import signal
import socket
import subprocess
import time
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ail_connector.front import Front
from ail_connector.native import __file__ as package
from matcher.settings import Settings
from matcher.web.app import create_app
from tests.ail_connector.pages import jpeg, page, png
from tests.matcher.in_process import services_on, serving
from tests.matcher.next_minor import NextMinor

NATIVE = Path(package).parent / "kuato_ail.py"
YES = 'image-match:decision="yes"'
ITEM = "crawled/2026/07/15/evil.onion00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with nothing of ours."""
    folder = tmp_path_factory.mktemp("AILENV")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    for name in ("matcher", "redis", "numpy", "PIL"):
        assert subprocess.run([python, "-c", f"import {name}"], cwd=folder, capture_output=True).returncode
    return python


@dataclass
class Running:
    """The native file at work. objects: what AIL knows. environ: what it is told beside."""

    python: Path
    folder: Path
    url: str
    objects: dict[str, dict[str, Any]]
    environ: dict[str, str] = field(default_factory=dict)

    def object(self, kind: str, data: bytes | None, **details: Any) -> str:
        id = hashlib.sha256(data or os.urandom(8)).hexdigest()
        if data is not None:
            (self.folder / id).write_bytes(data)
            details["file"] = str(self.folder / id)
        self.objects[f"{kind}::{id}"] = details
        return f"{kind}::{id}"

    def start(self, section: str, *messages: str, url: str | None = None, stdin: int | None = None) -> "subprocess.Popen[str]":
        (self.folder / "objects.json").write_text(json.dumps(self.objects))
        (self.folder / "queue").write_text("".join(f"{message}\n" for message in messages))
        (self.folder / "sent").write_text("")
        stub = Path(__file__).parent / "ail_stub"
        environ = {"PATH": os.environ["PATH"], "AIL_HOME": str(self.folder), "AIL_BIN": str(stub), "KUATO_URL": url or self.url}
        environ |= {"STUB_OBJECTS": f"{self.folder}/objects.json", "STUB_QUEUE": f"{self.folder}/queue", "STUB_SENT": f"{self.folder}/sent"}
        environ |= self.environ
        # As AIL's own modules find lib: the folder of the file is bin/modules there.
        return subprocess.Popen([self.python, "-B", NATIVE, section], env=environ, stdin=stdin, stderr=subprocess.PIPE, text=True)

    def said(self, what: str) -> list[list[str]]:
        return [line[1:] for line in map(json.loads, (self.folder / "sent").read_text().splitlines()) if line[0] == what]

    def run(self, section: str, *messages: str, ended: int) -> str:
        """Run until so many messages were ended, then end it; return its log."""
        process = self.start(section, *messages)
        within(process, lambda: len(self.said("ended")) >= ended)
        process.send_signal(signal.SIGTERM)
        log = process.communicate(timeout=30)[1]
        assert process.returncode == 0, log
        return log


def within(process: "subprocess.Popen[str]", done: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError(process.communicate()[1])
        time.sleep(0.05)


@pytest.fixture
def native(front: Front, bare: Path, tmp_path: Path) -> Iterator[Running]:
    """The native file, beside a server on the store of `front`."""
    front.matcher.banks.create("kits", kind="known-bad")
    front.matcher.add(png(page(1)), banks=("kits",))
    settings: Settings = front.matcher.settings
    with services_on(settings) as services, serving(create_app(services)) as server:
        yield Running(bare, tmp_path, server.url, {})


def test_it_is_one_file_of_the_standard_library_for_old_pythons() -> None:
    tree = ast.parse(NATIVE.read_text(), feature_version=(3, 8))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    import sys

    assert {name.partition(".")[0] for name in imported} - set(sys.stdlib_module_names) == {"lib", "modules"}


def test_images_are_tagged(native: Running, front: Front) -> None:
    gid = native.object("image", jpeg(page(1)), correlations={"chat": ["net:-100"]}, tags=['dark-web:topic="violence"'])
    had = native.object("image", jpeg(page(1), 50), tags=[YES])
    other = native.object("image", png(page(2)))
    native.run("KuatoImages", f"{gid};20260715", f"{had};", f"{gid};20260716", f"{other};20260715", ended=4)
    sent = native.said("sent")
    assert sent.count([gid, YES]) == 1
    assert [had, YES] not in sent and [had, 'image-match:bank="kits"'] in sent
    assert other not in [object for object, _ in sent]
    record = front.matcher.get(gid.removeprefix("image::"))
    assert {source.key for source in record.sources} == {f"ail-object:{gid}", "ail-chat:chat:net:-100"}
    assert record.sensitive


def test_it_is_a_minor_version_behind_its_server(native: Running, front: Front) -> None:
    gid = native.object("image", jpeg(page(1)))
    with services_on(front.matcher.settings) as services, serving(NextMinor(create_app(services))) as newer:
        native.url = newer.url
        native.run("KuatoImages", f"{gid};20260715", ended=1)
    assert native.said("sent").count([gid, YES]) == 1
    assert [source.key for source in front.matcher.get(gid.removeprefix("image::")).sources] == [f"ail-object:{gid}"]


def test_screenshots_of_crawled_items_are_tagged(native: Running, front: Front) -> None:
    gid = native.object("screenshot", jpeg(page(1)))
    blank = "07244254f73e822bd4a95d916d8b27f2246b02c428adc29082d09550c6ed6e1a"
    native.objects[f"item::{ITEM}"] = {"correlations": {"screenshot": [":" + gid.removeprefix("screenshot::"), ":" + blank]}}
    native.objects["item::submitted/1.gz"] = {}
    native.run("KuatoItems", "item::submitted/1.gz;", f"item::{ITEM};", ended=2)
    assert native.said("sent").count([gid, YES]) == 1
    (domain,) = [source for source in front.matcher.get(gid.removeprefix("screenshot::")).sources if source.kind == "domain"]
    assert (domain.id, domain.metadata["item"], domain.metadata["date"]) == ("evil.onion", ITEM, "20260715")


def test_favicons_of_crawled_items_are_looked_up_where_that_is_wanted(native: Running, front: Front) -> None:
    """The first page has its own, the second those of its domain."""
    shot, icon = native.object("screenshot", jpeg(page(2))), jpeg(page(1))
    (native.folder / "icon").write_bytes(icon)
    for id in ("-123456789", "77777777"):
        native.objects[f"favicon::{id}"] = {"file": f"{native.folder}/icon"}
    other, seen = ITEM.replace("00000000-", "00000001-"), {"screenshot": [":" + shot.removeprefix("screenshot::")]}
    native.objects[f"item::{ITEM}"] = {"correlations": seen | {"favicon": [":-123456789"]}}
    native.objects[f"item::{other}"] = {"correlations": seen}
    native.objects["domain::evil.onion"] = {"correlations": {"favicon": [":77777777"]}}
    messages = (f"item::{ITEM};", f"item::{other};")
    native.run("KuatoItems", *messages, ended=2)
    assert front.matcher.by_source("domain", "evil.onion")[0].sha256 != hashlib.sha256(icon).hexdigest()
    native.environ["KUATO_FAVICONS"] = "1"
    native.run("KuatoItems", *messages, ended=2)
    assert [native.said("sent").count([f"favicon::{id}", YES]) for id in ("-123456789", "77777777")] == [1, 1]
    record = front.matcher.get(hashlib.sha256(icon).hexdigest())
    assert {source.id for source in record.sources} == {"favicon::-123456789", "favicon::77777777", "evil.onion"}


def test_odd_messages_kill_nothing(native: Running) -> None:
    text = native.object("image", b"no picture")
    missing = native.object("image", None)
    escape = native.object("image", None, file=None)
    good = native.object("image", jpeg(page(1)))
    odd = ["::;what", "no separator", "martian::1;x", "image;x", ";", "REDIS AWAY"]
    log = native.run("KuatoImages", *odd, f"{text};", f"{missing};", f"{escape};", f"{good};20260715", ended=7)
    assert native.said("sent").count([good, YES]) == 1
    assert {gid for (gid,) in native.said("ended")} == {"::", "martian::1", "image", text, missing, escape, good}
    assert "Error in module" not in log


def test_an_end_while_kuato_is_away_puts_the_message_back(native: Running) -> None:
    gid = native.object("image", jpeg(page(1)))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nobody = f"http://127.0.0.1:{probe.getsockname()[1]}"
    process = native.start("KuatoImages", f"{gid};20260715", url=nobody)
    assert process.stderr is not None
    while "Kuato does not answer" not in (line := process.stderr.readline()):
        assert line
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert (process.returncode, native.said("back"), native.said("sent")) == (0, [[gid, "20260715"]], [])


def test_a_kill_loses_the_message_in_hand_as_the_file_says(native: Running) -> None:
    assert "is lost" in NATIVE.read_text()
    gid = native.object("image", jpeg(page(1)))
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        process = native.start("KuatoImages", f"{gid};20260715", url=f"http://127.0.0.1:{deaf.getsockname()[1]}")
        within(process, lambda: not (native.folder / "queue").read_text())
        process.kill()
        process.communicate(timeout=30)
    assert (native.said("ended"), native.said("back")) == ([], [])


def test_tags_are_taken_back_with_ails_own_means(native: Running) -> None:
    gid = native.object("image", jpeg(page(1)), tags=[YES, "keep"])
    process = native.start("take-back", stdin=subprocess.PIPE)
    told = {"object": gid, "tags": [YES, "gone already"], "why": "ada said so", "page": ""}
    process.communicate(json.dumps(told) + "\n", timeout=30)
    assert (process.returncode, native.said("deleted")) == (0, [[gid, YES]])
