"""docs/misp-sync.md says what is so: its commands run, its rules are rules, all settings are there."""

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from matcher.settings import TABLE, Settings, config_dir
from matcher.tagging import Tagger
from misp_module.bankrules import BankRules
from misp_module.pen import NEEDS, WRITES
from tests.misp_module.fake_misp import FOREIGN, KEY, FakeMisp
from tests.misp_module.syncing import large, smaller

TEXT = (Path(__file__).parents[2] / "docs" / "misp-sync.md").read_text("utf-8")


@pytest.mark.slow
def test_the_commands_run(misp: FakeMisp, store_url: str, tmp_path: Path) -> None:
    now = "2000000000"
    misp.attach(misp.event(org=FOREIGN, timestamp="1772000000"), large(1))
    misp.attach(misp.event(timestamp="1772100000"), large(1, smaller))
    rows = [{"uuid": misp.uuid(), "type": "attachment", "value": "a.png", "timestamp": now, "data": base64.b64encode(large(2)).decode()}]
    event = {"uuid": misp.uuid(), "info": "exported", "timestamp": now, "Attribute": rows}
    (tmp_path / "exported.json").write_text(json.dumps({"Event": event}))
    script = "\n".join(re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL))
    script = script.replace("https://misp.example", misp.url).replace("the-key-of-that-user", KEY).replace("--days 90", "--days 36500")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("KUATO_", "XDG_"))}
    environ |= {"HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "KUATO_REDIS_URL": store_url}
    done = subprocess.run(["sh", "-euc", script], cwd=tmp_path, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:4] == [
        "2 attachments that may be pictures, in 2 events: 2 png",
        lines[1],
        "2 new pictures",
        "nothing new",
    ]
    assert lines[4] == "1 new pictures"
    assert sum(line.startswith("sighting of") for line in lines) == 1
    assert any(re.fullmatch(r"\d+ writes to MISP would be made", line) for line in lines)
    assert any(re.fullmatch(r"\d+ writes to MISP", line) for line in lines)
    assert lines[-1] == "1 matches taken back"
    assert not misp.sightings
    assert not misp.analyst


def test_the_rules_are_rules(tmp_path: Path) -> None:
    banks, tagging = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    file = tmp_path / "kuato.toml"
    file.write_text(banks + tagging)
    settings = Settings.load(file, environ={})
    assert Tagger(settings)
    assert BankRules(settings["misp.banks"], ["phishing kits", "our sensors"])


def test_settings_writes_and_rights_are_named() -> None:
    ours = [row.name for row in TABLE]
    ours = ours[ours.index("misp.url") : ours.index("tagging.propagate") + 1]
    shown = {"misp.url": "KUATO_MISP_URL", "misp.key": "KUATO_MISP_KEY", "tagging.rules": "[[tagging.rules]]"}
    assert [name for name in ours if f"`{name}" not in TEXT and f"[[{name}]]" not in TEXT and shown.get(name, name) not in TEXT] == []
    assert all(f"`{name}`" in TEXT for name in (*WRITES, *NEEDS.values()))


def test_the_unit_runs_what_there_is() -> None:
    unit = (config_dir() / "systemd" / "kuato-misp-sync.service").read_text("utf-8")
    (words,) = re.findall(r"^ExecStart=/opt/kuato/bin/kuato (.*)$", unit, re.MULTILINE)
    done = subprocess.run(
        [Path(sys.executable).with_name("kuato"), *words.split()[:2], "--help"], capture_output=True, text=True, check=True
    )
    assert words.split()[2] in done.stdout
