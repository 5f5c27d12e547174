"""`make bundle`: what is in it, and that it installs and works where there is no network, no compiler and no checkout."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3

import matcher
from matcher.redis_server import EmbeddedRedis
from misp_module.stock.kuato_module import MODULES

ROOT = Path(__file__).parents[2]
# With no interface at all, not even loopback, where that is permitted; else with a proxy that nobody answers at.
ALONE = (
    [shutil.which("unshare") or "", "--net"] if subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode == 0 else []
)
NOWHERE = {f"{name}_proxy": "http://127.0.0.1:1" for name in ("http", "https", "all")} | {"PIP_CONFIG_FILE": os.devnull}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    command = [ROOT / ".ci" / "bundle", sys.prefix, folder]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "EXTRAS": "misp,ail"})
    assert done.returncode == 0, done.stderr
    with tarfile.open(done.stdout.strip()) as archive:
        archive.extractall(folder, filter="data")
    (root,) = [path for path in folder.iterdir() if path.is_dir()]
    return root


@pytest.mark.slow
def test_it_has_what_there_is_to_be_installed(bundle: Path) -> None:
    assert bundle.name.startswith(f"kuato-{matcher.__version__}-cp3")
    families = {(what["type"], name) for name, what in MODULES.items()}
    assert {(path.parent.name, path.stem) for path in (bundle / "misp-modules").rglob("*.py")} == families
    compile((bundle / "ail" / "kuato_ail.py").read_text(), "kuato_ail.py", "exec")
    for name in (
        "config/systemd/kuato.service",
        "config/misp/objects/image-similarity/definition.json",
        "config/nginx/kuato.conf",
        "LICENSE",
    ):
        assert (bundle / name).is_file()
    assert any((bundle / "docs").glob("installation.*"))
    assert all(path.suffix == ".whl" for path in (bundle / "wheels").iterdir())
    assert subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=bundle).returncode == 0


@dataclass(frozen=True)
class Installed:
    """Kuato in a virtual environment of its own, called as by somebody who has neither checkout, compiler nor network."""

    folder: Path
    environ: dict[str, str]

    def run(self, *words: str | Path, alone: bool = True) -> "subprocess.CompletedProcess[str]":
        command = [*(ALONE if alone else []), *words]
        return subprocess.run(command, env=self.environ, cwd=self.folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def said(self, *words: str | Path) -> str:
        done = self.run(self.kuato, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def kuato(self) -> Path:
        return self.folder / "kuato" / "bin" / "kuato"


@pytest.fixture(scope="module")
def installed(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    folder = tmp_path_factory.mktemp("installed")
    bare = folder / "bin"
    bare.mkdir()
    for name in ("sh", "dirname"):
        (bare / name).symlink_to(shutil.which(name) or "/bin/sh")
    python = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    environ = {"HOME": str(folder), "PATH": str(bare), "PYTHON": str(python), "PIP_NO_COMPILE": "1", **NOWHERE}
    made = Installed(folder, environ)
    done = made.run(bundle / "install", folder / "kuato")
    assert done.returncode == 0, done.stdout + done.stderr
    yield made
    EmbeddedRedis(folder / ".local" / "share" / "kuato").stop()


@pytest.mark.slow
def test_it_works_without_network(installed: Installed) -> None:
    assert "Usage: kuato" in installed.said("--help")
    installed.said("add", ROOT / "samples" / "baseline")
    assert "tinlark-half.webp: YES" in installed.said("search", ROOT / "samples" / "queries" / "tinlark-half.webp")
    assert "image_correlation" in installed.said("misp", "install-module", installed.folder / "modules")
    assert str(installed.folder) in installed.said("config", "show")
    # What the checkout has and the package might lack: bounds, templates, vocabulary, units.
    assert "YES" in installed.said(
        "--set", "fingerprints.enabled=bow,orb-ransac,pdq", "compare", *[ROOT / "samples/seen/octopus-drawing.png"] * 2
    )
    config = installed.run(
        installed.folder / "kuato/bin/python", "-c", "from matcher.settings import config_dir; print(config_dir())"
    ).stdout
    assert Path(config.strip()).is_relative_to(installed.folder)
    for name in ("systemd/kuato.service", "ail/modules.cfg", "docker/compose.yaml", "nginx/kuato.conf", "misp/taxonomies"):
        assert (Path(config.strip()) / name).exists()


@pytest.mark.slow
def test_it_serves(installed: Installed) -> None:
    """With a Redis of its own; loopback is needed for that."""
    command = [installed.kuato, "--set", "web.listen=127.0.0.1:0", "--set", "misp.listen=127.0.0.1:0", "serve"]
    server = subprocess.Popen(command, env=installed.environ, cwd=installed.folder, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        lines = [server.stderr.readline() for _ in range(2)]
        urls = {name: url for line in lines for name, url in re.findall(r"(\w+) listens on (\S+)", line)}
        assert sorted(urls) == ["api", "misp"], lines
        body = (ROOT / "samples" / "queries" / "tinlark-half.webp").read_bytes()
        added = (ROOT / "samples" / "baseline" / "tinlark-login.png").read_bytes()
        assert urllib3.request("POST", urls["api"] + "/api/v1/pictures", body=added).status in (200, 201)
        assert urllib3.request("POST", urls["api"] + "/api/v1/search", body=body).json()["decision"] == "YES"
        modules = urllib3.request("GET", urls["misp"] + "/modules").json()
        assert {one["name"] for one in modules} == set(MODULES)
    finally:
        server.terminate()
        server.communicate(timeout=120)


@pytest.mark.slow
def test_another_python_is_refused(bundle: Path, tmp_path: Path) -> None:
    script = (bundle / "install").read_text().replace("cp3", "cp2")
    (tmp_path / "install").write_text(script)
    done = subprocess.run(["sh", tmp_path / "install", tmp_path / "kuato"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "make a bundle with the Python of this machine" in done.stderr
    assert not (tmp_path / "kuato").exists()
