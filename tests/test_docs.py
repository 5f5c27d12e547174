"""What the pages say is so: generated ones are up to date, links lead somewhere, the README's commands run."""

import json
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


def package_of(page: Path, folder: Path) -> None:
    """Install what the page's example is, as a package that Kuato has never seen."""
    code, test = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    entry = re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)[0]
    (folder / "edges.py").write_text(code)
    (folder / "test_edges.py").write_text(test)
    info = folder / "edges-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: edges\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry.replace("[project.entry-points.", "[").replace('"', ""))


@pytest.mark.slow
def test_the_algorithm_of_the_page_is_one(tmp_path: Path) -> None:
    page = ROOT / "docs" / "adding-an-algorithm.md"
    package_of(page, tmp_path)
    environ = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    kuato = [str(Path(sys.executable).with_name("kuato")), "--set", f"data.dir={tmp_path / 'data'}", "--set", "workers.count=1"]
    asked = [*kuato, "hash", "--algorithm", "edges", "samples/baseline/tinlark-login.png"]
    done = subprocess.run(asked, cwd=ROOT, env=environ, capture_output=True, text=True)
    assert re.search(r"^[0-9a-f]{64}  edges  ", done.stdout, re.MULTILINE), done.stdout + done.stderr
    rules = (ROOT / "config" / "decision.toml").read_text() + re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)[1]
    (tmp_path / "rules.toml").write_text(rules)
    with_it = [*kuato, "--set", "fingerprints.enabled=pdq,tiles,local,edges", "--set", f"decision.rules={tmp_path / 'rules.toml'}"]
    try:
        added = subprocess.run([*with_it, "add", "samples/baseline"], cwd=ROOT, env=environ, capture_output=True, text=True)
        assert added.returncode == 0, added.stderr
        ask = [*with_it, "search", "samples/queries/tinlark-half.webp", "--json"]
        answer = json.loads(subprocess.run(ask, cwd=ROOT, env=environ, capture_output=True, text=True).stdout)
    finally:
        EmbeddedRedis(tmp_path / "data").stop()
    said = {one["algorithm"]: one["decision"] for one in answer["matches"][0]["evidence"]}
    assert (answer["decision"], said["edges"]) == ("YES", "YES")
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", f"--rootdir={tmp_path}", "-c", "/dev/null"]
    tried = subprocess.run(
        [sys.executable, "-m", "pytest", *options, tmp_path / "test_edges.py"], cwd=ROOT, env=environ, capture_output=True
    )
    assert tried.returncode == 0, tried.stdout.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "quickstart",
            [
                "tinlark-half.webp: YES",
                "skerry-weather.png: NO",
                "lookalike-login.png: MAYBE",
                "octopus-crop.png: YES",
                '"decision": "YES"',
            ],
        ),
        ("concepts", ["phishing kits", "tinlark-phishing-warning.jpg: YES", "our login pages"]),
        ("upgrade", ["restored"]),
        ("privacy", ["retention.banks"]),
    ],
)
def test_the_commands_of_a_page_run(name: str, told: list[str], tmp_path: Path) -> None:
    scripts = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / f"{name}.md").read_text(), re.DOTALL)
    assert scripts
    environ = {each: value for each, value in os.environ.items() if not each.startswith(("KUATO_", "XDG_"))}
    environ |= {"HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:{environ['PATH']}", "KUATO_WORKERS_COUNT": "1"}
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    server = None
    try:
        if any("curl" in script for script in scripts):
            command = ["kuato", "--set", "web.listen=127.0.0.1:0", "serve", "api"]
            server = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
            assert server.stderr is not None
            url = server.stderr.readline().split()[-1]
            scripts = [script.replace("http://127.0.0.1:6670", url) for script in scripts if "curl" not in script or shutil.which("curl")]
        command = ["sh", "-euc", "\n".join(scripts)]
        done = subprocess.run(command, cwd=tmp_path, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert [each for each in told if each not in done.stdout] == [], done.stdout + done.stderr
    finally:
        if server is not None:
            server.terminate()
            server.communicate(timeout=120)
        EmbeddedRedis(tmp_path / ".local" / "share" / "kuato").stop()
