"""What the pages say is so: generated ones are up to date, links lead somewhere, the README's commands run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from matcher.redis_server import EmbeddedRedis

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_generated_pages_are_up_to_date(tmp_path: Path) -> None:
    program = "import generate; print('\\n'.join(str(path) for path, text in generate.pages().items() if path.read_text() != text))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT / "docs")}, capture_output=True, text=True
    )
    assert (done.stdout.strip(), done.stderr) == ("", ""), "run: python docs/generate.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text()
    folder = {path.stem for path in (ROOT / "matcher" / "commands").glob("*.py")}
    commands = set(re.findall(r"^## kuato ([a-z]+)$", (ROOT / "docs" / "commands.md").read_text(), re.MULTILINE))
    assert commands <= folder | {"hash"}
    table = "\n".join(line for line in readme.splitlines() if line.startswith("| `"))
    assert [name for name in sorted(commands) if not re.search(rf"`{name}( show)?`", table)] == []
    assert len(readme.splitlines()) < 150


@pytest.mark.slow
def test_the_readme_s_commands_run(tmp_path: Path) -> None:
    script = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    environ = {**os.environ, "HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "KUATO_CONFIG"):
        environ.pop(name, None)
    try:
        done = subprocess.run(
            ["sh", "-euc", "\n".join(script)], cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
    finally:
        EmbeddedRedis(tmp_path / ".local" / "share" / "kuato").stop()
    assert done.returncode == 0, done.stderr
    assert "octopus-drawing.png" in done.stdout
