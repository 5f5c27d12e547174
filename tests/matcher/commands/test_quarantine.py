"""`kuato quarantine`."""

import json
from pathlib import Path

from tests.matcher.commands.conftest import Kuato
from tests.matcher.pictures import encoded, photo


def test_held_listed_and_released(kuato: Kuato, tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(encoded(photo()))
    sha256 = kuato.json("add", file)[0]["picture"]["sha256"]
    (held,) = kuato.json("quarantine", "hold", sha256)
    assert kuato.json("quarantine", "list") == [held]
    assert sha256[:20] in kuato("quarantine", "list").stdout.replace("\n", "")
    assert kuato.json("search", file)[0]["decision"] == "MAYBE"
    (released,) = kuato.json("quarantine", "release", sha256)
    assert released["released"]
    assert kuato.json("quarantine", "list") == []
    assert kuato.json("quarantine", "list", "--released") == [released]
    assert "nothing" in kuato("quarantine", "list").stdout
    assert kuato.json("search", file)[0]["decision"] == "YES"
    assert kuato("quarantine", "release", sha256).exit_code == 4
    (data_dir,) = [option.split("=", 2)[2] for option in kuato.options if option.startswith("--set=data.dir=")]
    actions = [json.loads(line)["action"] for line in (Path(data_dir) / "audit.jsonl").read_text().splitlines()]
    assert actions == ["quarantine.hold", "quarantine.release"]
