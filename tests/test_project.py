"""The project as others get it: wheel, dependencies, import rules, set-up, demo."""

import os
import shutil
import socket
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import entry_points, metadata, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import matcher
from matcher.redis_server import EmbeddedRedis

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


def run(*command: str | Path, cwd: Path = ROOT, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=cwd, env={**os.environ, **environ}, stdin=subprocess.DEVNULL, capture_output=True, text=True)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that an installed wheel would be."""
    folder = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder)
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_has_the_three_packages_their_data_and_nothing_else(wheel: Path) -> None:
    top = {path.name for path in wheel.iterdir()}
    assert top == {"matcher", "misp_module", "ail_connector", f"kuato-{matcher.__version__}.dist-info"}
    for file in (
        "py.typed",
        "config/kuato.toml",
        "config/decision.toml",
        "config/vocabulary.npy",
        "config/misp/objects",
        "config/ail/modules.cfg",
        "config/systemd/kuato.service",
        "config/nginx/kuato.conf",
        "config/docker/compose.yaml",
        "misp_module/stock/kuato_module.py",
        "ail_connector/native/kuato_ail.py",
        "ui/templates/base.html",
        "ui/static/kuato.css",
        "ui/translations/fr.po",
    ):
        assert (wheel / file if "_" in file.partition("/")[0] else wheel / "matcher" / file).exists(), file


@pytest.mark.slow
def test_the_source_distribution_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    assert run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path).returncode == 0
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert all((source / name).exists() for name in ("Makefile", ".ci/setup", "tests", "docs", "samples", "README.md"))
    assert not any((source / name).exists() for name in (".venv", "dist", "site"))
    assert run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=source).returncode == 0
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as archive:
        assert set(archive.namelist()) == {str(path.relative_to(wheel)) for path in wheel.rglob("*") if path.is_file()}


def test_an_installed_kuato_uses_its_own_configuration(wheel: Path, tmp_path: Path) -> None:
    program = "from matcher.settings import config_dir; print(config_dir()); from matcher.decision import Rules; Rules.load()"
    done = run(sys.executable, "-c", program, cwd=tmp_path, PYTHONPATH=str(wheel))
    assert done.stdout.strip() == str(wheel / "matcher" / "config"), done.stderr


def test_version_and_licence() -> None:
    assert metadata("kuato")["Version"] == matcher.__version__
    assert metadata("kuato")["License-Expression"] == "BSD-2-Clause"


def test_installs_beside_stock_misp_modules() -> None:
    needed = {r.name: r for r in map(Requirement, requires("kuato") or ())}
    assert needed["click"].specifier.contains("8.1.8")
    assert not [r for r in needed.values() if any(s.operator in ("<", "<=", "==", "~=") for s in r.specifier)]
    assert "tornado" not in needed
    assert run(sys.executable, "-m", "pip", "check", "--disable-pip-version-check").stdout.startswith("No broken requirements")


def test_the_named_packages_are_used() -> None:
    sources = "\n".join(path.read_text() for package in ("matcher", "misp_module") for path in (ROOT / package).rglob("*.py"))
    for name in ("flask", "imagehash", "tlsh", "redis", "PIL"):
        assert f"import {name}" in sources or f"from {name}" in sources, name


@pytest.mark.parametrize(
    "group",
    ["kuato.fingerprints", "kuato.commands", "kuato.listeners", "kuato.pages", "kuato.links", "kuato.deliveries", "kuato.queues"],
)
def test_every_entry_point_can_be_loaded(group: str) -> None:
    points = entry_points(group=group)
    assert points
    for point in points:
        point.load()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "line", "rule"),
    [
        ("matcher/picture.py", "import misp_module", "The core knows neither MISP nor AIL"),
        ("misp_module/query.py", "import ail_connector", "MISP and AIL do not know each other"),
        ("matcher/picture.py", "import redis", "Only the store speaks with Redis"),
        ("ail_connector/queue.py", "import redis", "Only the store speaks with Redis"),
    ],
)
def test_the_import_rules_bite(tmp_path: Path, module: str, line: str, rule: str) -> None:
    for name in ("matcher", "misp_module", "ail_connector"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / module).open("a") as file:
        file.write(f"\n{line}\n")
    done = run(BIN / "lint-imports", "--no-cache", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert f"{rule} BROKEN" in done.stdout


def test_set_up_names_what_is_missing(tmp_path: Path) -> None:
    for tool in ("sh", "bash", "dirname", "env"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "/bin/sh")
    assert "apt install make" in run(ROOT / ".ci" / "run", PATH=str(tmp_path)).stderr
    setup = ROOT / ".ci" / "setup"
    venv = tmp_path / "venv"
    nothing = run("/bin/sh", setup, venv, PATH=str(tmp_path), PYTHON="")
    assert "there is no Python 3.10 or later (Debian, Ubuntu: apt install python3 python3-venv)" in nothing.stderr
    wrong = run("/bin/sh", setup, venv, PATH=str(tmp_path), PYTHON=str(tmp_path / "env"))
    assert "is no Python 3.10 or later" in wrong.stderr
    no_compiler = run("/bin/sh", setup, venv, PATH=str(tmp_path), PYTHON=sys.executable)
    expected = "there is no C++ compiler (Debian, Ubuntu: apt install build-essential)"
    assert expected in no_compiler.stderr or "apt install redis-server" in no_compiler.stderr
    assert not venv.exists()


def test_what_python_lacks_is_named(tmp_path: Path) -> None:
    """A Python of which Debian's package venv was not installed, and one too new for the Redis that comes along."""
    for tool in ("sh", "dirname"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "/bin/sh")
    fake = tmp_path / "python3"
    fake.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; *print*) echo 3.11;; esac\n')
    fake.chmod(0o755)
    assert "apt install python3.11-venv" in run("/bin/sh", ROOT / ".ci" / "setup", tmp_path / "venv", PATH=str(tmp_path), PYTHON="").stderr
    fake.write_text('#!/bin/sh\ncase "$2" in *"(3, 13)"*) exit 0;; *print*) echo 3.13;; esac\n')
    assert "apt install redis-server" in run("/bin/sh", ROOT / ".ci" / "setup", tmp_path / "venv", PATH=str(tmp_path), PYTHON="").stderr


@pytest.mark.slow
def test_the_demo_shows_yes_maybe_and_no_and_leaves_nothing_running(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        users = {"KUATO_REDIS_URL": "redis://127.0.0.1:1/0", "KUATO_DATA_DIR": str(tmp_path / "users")}
        done = run(sys.executable, "samples/demo.py", "--exit", "--store", tmp_path / "data", KUATO_MISP_LISTEN=listen, **users)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{listen} is taken" in done.stdout
    for decision in ("YES", "MAYBE", "NO"):
        assert f"      {decision}: " in done.stdout
    assert "all of this took" in done.stdout
    assert EmbeddedRedis(tmp_path / "data")._state() == "absent"
    assert not (tmp_path / "users").exists()
