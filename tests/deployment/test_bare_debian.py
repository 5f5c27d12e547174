"""benchmarks/bare_debian.py takes its commands from the pages: these have what it looks for."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("bare_debian", ROOT / "benchmarks" / "bare_debian.py")
assert _spec is not None and _spec.loader is not None
bare = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bare)


class Noted(bare.System):  # type: ignore[misc,name-defined]
    """Notes the steps instead of taking them."""

    def step(self, what: str, script: str, network: bool = True) -> None:
        self.times.append((script, float(network)))


def test_the_steps_are_those_of_the_pages(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    system = Noted(tmp_path)
    bare.follow(system)
    scripts = "\n".join(script for script, _ in system.times) + (tmp_path / "root" / "ail.sh").read_text()
    for words in (
        "apt-get -y -qq install python3-venv",
        "/opt/kuato/bin/pip install './kuato-",
        "useradd --system",
        "chmod 755 /usr/local/bin/kuato",
        "/opt/kuato/bin/kuato serve 2>",
        "/opt/kuato/bin/kuato misp install-module /opt/misp-custom",
        "misp-modules -l 127.0.0.1 -p 6666 -c /opt/misp-custom",
        "kuato ail consume --until-empty",
        "/opt/misp-modules/bin/pip check",
    ):
        assert words in scripts, words


def test_a_folder_that_exists_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").write_text("kept")
    monkeypatch.setattr("sys.argv", ["bare_debian.py", str(tmp_path)])
    with pytest.raises(SystemExit, match="name a folder that does not"):
        bare.main()
    assert (tmp_path / "mine").read_text() == "kept"
