"""`kuato misp sync`, as people call it."""

import base64
import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pymisp import MISPEvent

from tests.matcher.churn import drawing
from tests.misp_module.fake_misp import FOREIGN, KEY, FakeMisp
from tests.misp_module.syncing import large, smaller

pytestmark = pytest.mark.slow
Run = Callable[..., "subprocess.CompletedProcess[str]"]
PROGRAM = str(Path(sys.executable).with_name("kuato"))


@pytest.fixture
def environ(store_url: str, tmp_path: Path, misp: FakeMisp) -> dict[str, str]:
    found = {"KUATO_REDIS_URL": store_url, "KUATO_DATA_DIR": str(tmp_path), "KUATO_WORKERS_COUNT": "1", "XDG_CONFIG_HOME": str(tmp_path)}
    return found | {"KUATO_MISP_URL": misp.url, "KUATO_MISP_KEY": KEY, "KUATO_MISP_RETRIES": "0", "PATH": "/usr/bin:/bin"}


@pytest.fixture
def kuato(environ: dict[str, str]) -> Run:
    def run(*words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([PROGRAM, *words], env={**environ, **more}, capture_output=True, text=True, timeout=120)

    return run


def test_estimate_then_sync(misp: FakeMisp, kuato: Run) -> None:
    event, old = misp.event(timestamp=str(int(time.time()))), misp.event(timestamp="1500000000")
    for n in range(3):
        misp.attach(event, drawing(n))
    misp.attach(event, b"no picture", "x.gif")
    misp.attach(old, drawing(9), timestamp="1500000000")
    done = kuato("misp", "sync", "--days", "30", "--estimate")
    assert done.stdout.splitlines()[0] == "4 attachments that may be pictures, in 1 events: 3 png, 1 gif"
    assert "3 of 4 that were tried are pictures" in done.stdout
    assert json.loads(kuato("misp", "sync", "--estimate", "--json").stdout)["attributes"] == 5
    assert kuato("list").stdout == ""
    done = kuato("misp", "sync", "--days", "30")
    assert (done.stdout, done.stderr) == ("3 new pictures, 1 no pictures\n", "")
    again = json.loads(kuato("misp", "sync", "--json").stdout)
    assert again["failures"] == []
    assert "new" not in again


def test_what_goes_wrong_is_told_without_the_key(misp: FakeMisp, kuato: Run) -> None:
    done = kuato("misp", "sync", KUATO_MISP_URL="http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (8, "nothing new\n")
    assert "http://127.0.0.1:9 cannot be reached" in done.stderr
    done = kuato("misp", "sync", KUATO_MISP_KEY="x" * 40)
    assert done.returncode == 6
    assert "does not take misp.key" in done.stderr
    misp.faults.down = True
    down = kuato("misp", "sync")
    assert down.returncode == 8
    assert KEY not in done.stderr + down.stderr
    assert "xxxx" not in done.stderr + kuato("config", "show", KUATO_MISP_KEY="x" * 40).stdout
    assert "misp.url is empty" in kuato("misp", "sync", KUATO_MISP_URL="").stderr


def exported(tmp_path: Path, *pictures: bytes) -> Path:
    """Write an event with pictures as MISP exports it."""
    event = MISPEvent()
    event.info, event.distribution = "an export", 1
    for n, data in enumerate(pictures):
        event.add_attribute("attachment", f"{n}.png", data=base64.b64encode(data))
    path, written = tmp_path / "event.json", json.loads(event.to_json())
    written["timestamp"] = "1772409600"
    for row in written["Attribute"]:
        row["timestamp"] = "1772409600"
    path.write_text(json.dumps({"response": [{"Event": written}]}))
    return path


def test_files_need_no_server(tmp_path: Path, kuato: Run) -> None:
    path = exported(tmp_path, drawing(1), drawing(2), b"no picture")
    done = kuato("misp", "sync", "--from", str(path), KUATO_MISP_URL="")
    assert (done.stdout, done.stderr) == ("2 new pictures, 1 no pictures\n", "")
    event = json.loads(path.read_text())["response"][0]["Event"]
    event["Attribute"][0]["deleted"] = True
    feed = tmp_path / "feed"
    feed.mkdir()
    (feed / "manifest.json").write_text(json.dumps({event["uuid"]: {"info": "an export"}}))
    (feed / f"{event['uuid']}.json").write_text(json.dumps({"Event": event}))
    assert kuato("misp", "sync", "--from", str(feed), KUATO_MISP_URL="").stdout == "1 gone, 1 no pictures\n"
    assert "no such" not in kuato("misp", "sync", "--from", "elsewhere.json").stderr
    assert kuato("misp", "sync", "--from", "elsewhere.json").returncode == 4
    assert kuato("misp", "sync", "--from", str(path), "--days", "3").returncode == 2


def test_it_goes_on_until_told_to_end(misp: FakeMisp, environ: dict[str, str]) -> None:
    event = misp.event(timestamp=str(int(time.time())))
    misp.attach(event, drawing(1))
    running = subprocess.Popen([PROGRAM, "misp", "sync", "--every", "0.01"], env=environ, stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == "1 new pictures\n"
        misp.attach(event, drawing(2))
        lines: list[Any] = []
        while not lines or "1 new pictures" not in lines[-1]:
            lines.append(running.stdout.readline())
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=60)
        assert running.returncode == 0
    finally:
        running.kill()
        running.communicate()


def matching(misp: FakeMisp) -> None:
    misp.attach(misp.event(org=FOREIGN), large(1), timestamp="1772000000")
    misp.attach(misp.event(), large(1, smaller), timestamp="1772100000")


def test_writes_are_shown_made_and_taken_back(misp: FakeMisp, kuato: Run) -> None:
    matching(misp)
    write = {"KUATO_MISP_WRITE": "sightings,tags,relations,objects"}
    assert kuato("misp", "sync", "--dry-run").stdout == "2 new pictures\n", "nothing is written unless misp.write says so"
    shown = kuato("misp", "sync", "--dry-run", "--recheck", **write)
    assert "sighting of" in shown.stdout
    assert shown.stdout.endswith("writes to MISP would be made\n")
    assert not misp.sightings
    assert not misp.analyst
    made = kuato("misp", "sync", **write)
    assert made.stdout.splitlines()[-1] == shown.stdout.splitlines()[-1].removesuffix(" would be made")
    assert len(misp.sightings) == len(misp.analyst) == 1
    since = kuato("retract", "--since", "1h", "--dry-run", **write)
    assert since.stdout.endswith("1 matches would be taken back\n")
    assert len(misp.sightings) == 1
    done = kuato("retract", "--picture", hashlib.sha256(large(1)).hexdigest(), **write)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 matches taken back")
    assert not misp.sightings
    assert not misp.analyst
    assert not any(tag for row in misp.attributes.values() for tag in row["Tag"] if row["type"] == "attachment")
    assert all(row["deleted"] for row in misp.objects.values())
    kuato("misp", "sync", "--recheck", **write)
    assert not misp.sightings, "it is not written again"
    assert kuato("retract", **write).returncode == 2
    assert kuato("retract", "--bank", "nothing", **write).returncode == 4
