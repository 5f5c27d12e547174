"""What the pages say is so: generated ones are up to date, links lead somewhere, the README's commands run."""

import os
import re
import shutil
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
    folder = {path.stem for path in (ROOT / "matcher" / "commands").glob("*.py")} | {"misp", "retract"}
    commands = set(re.findall(r"^## kuato ([a-z]+)$", (ROOT / "docs" / "commands.md").read_text(), re.MULTILINE))
    assert commands <= {*(name.rstrip("_") for name in folder), "ail"}
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


@pytest.mark.slow
def test_the_evaluation_page_s_commands_run(tmp_path: Path) -> None:
    kuato = f"{Path(sys.executable).with_name('kuato')} --set data.dir={tmp_path / 'data'} --set workers.count=1"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("KUATO_")} | {"XDG_CONFIG_HOME": str(tmp_path)}
    scripts = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "evaluation.md").read_text(), re.DOTALL)
    assert len(scripts) == 2
    try:
        for number, script in enumerate(scripts):
            words = script.replace("kuato ", f"{kuato} ", 1).replace("--report report", f"--report {tmp_path / str(number)}")
            done = subprocess.run(["sh", "-euc", words], cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            assert (done.returncode, done.stderr) == (0, "")
            assert (tmp_path / str(number) / "report.html").is_file()
    finally:
        EmbeddedRedis(tmp_path / "data").stop()


@pytest.mark.slow
def test_the_api_page_s_examples_run(tmp_path: Path) -> None:
    kuato = [str(Path(sys.executable).with_name("kuato")), "--set", f"data.dir={tmp_path / 'data'}", "--set", "web.listen=127.0.0.1:0"]
    server = subprocess.Popen([*kuato, "serve", "api"], stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        url = server.stderr.readline().split()[-1]
        page = (ROOT / "docs" / "api.md").read_text().replace("http://127.0.0.1:6670", url)
        for script in re.findall(r"```sh\n(.*?)```", page, re.DOTALL):
            if shutil.which("curl"):
                done = subprocess.run(["sh", "-euc", script], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
                assert (done.returncode, done.stdout.count('"decision": "YES"') > 0) == (0, True), done.stderr
        create = [*kuato, "token", "create", "docs", "--role", "admin"]
        token = subprocess.run(create, capture_output=True, text=True, check=True).stdout.strip()
        shutil.copy(ROOT / "samples" / "queries" / "tinlark-half.webp", tmp_path / "suspicious.png")
        for program in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
            program = program.replace("kuato_...", token)
            done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
            assert (done.returncode, done.stderr) == (0, "")
            assert done.stdout.startswith(("YES", "NO"))
    finally:
        server.terminate()
        server.communicate(timeout=20)
        EmbeddedRedis(tmp_path / "data").stop()


@pytest.mark.slow
def test_the_calibration_page_s_commands_run(tmp_path: Path) -> None:
    script = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "calibration.md").read_text(), re.DOTALL)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("KUATO_", "XDG_"))}
    environ |= {"HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    done = subprocess.run(["sh", "-euc", "\n".join(script)], cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("written to rules.toml") == 2
    assert "YES" in done.stdout[done.stdout.rindex("written to") :]
    assert (tmp_path / "figures" / "roc.svg").exists()
