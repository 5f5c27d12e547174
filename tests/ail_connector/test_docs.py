"""docs/ail.md: what it says is so, and its commands run."""

import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from ail_connector.outcome import Outcome
from matcher.redis_server import EmbeddedRedis
from matcher.settings import TABLE
from tests.ail_connector.stand_in import MODULES, Ail

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ail.md").read_text()


def test_every_setting_is_named() -> None:
    names = [row.name for row in TABLE if row.name.startswith("ail.")]
    assert len(names) > 10
    assert [name for name in names if f"`{name}`" not in PAGE] == []


def test_every_outcome_is_named() -> None:
    names = re.findall(r'"([a-z ]+)"', (Outcome.__doc__ or "").partition("tags:")[0])
    assert len(names) > 5
    assert [name for name in names if f"`{name}`" not in PAGE] == []


def test_the_sections_are_those_of_the_stand_in() -> None:
    shipped, used = ConfigParser(), ConfigParser()
    shipped.read(ROOT / "config" / "ail" / "modules.cfg")
    used.read_string(MODULES)
    assert shipped.sections() == ["KuatoImages", "KuatoItems"]
    assert all(dict(shipped[name]) == dict(used[name]) for name in shipped.sections())


def test_the_units_run_what_there_is() -> None:
    for path in (ROOT / "config" / "ail").glob("*.service"):
        unit = ConfigParser(interpolation=None, strict=False)
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read(path)
        assert unit["Service"]["Restart"] == "always"
        environment = ROOT / "config" / "ail" / Path(unit["Service"]["EnvironmentFile"]).name
        variables = re.findall(r"^(\w+)=", environment.read_text(), re.MULTILINE)
        known = {row.variable for row in TABLE} | {"AIL_HOME", "AIL_BIN", "KUATO_URL", "KUATO_TOKEN"}
        assert variables and set(variables) <= known


@pytest.mark.slow
def test_the_commands_run(ail: Ail, tmp_path: Path) -> None:
    """From the installation to the first automatic tag."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("KUATO_", "XDG_"))}
    bin = Path(sys.executable).parent
    environ |= {"HOME": str(tmp_path), "PATH": f"{bin}:{environ['PATH']}", "KUATO_AIL_RETRY_SECONDS": "0", "KUATO_AIL_TRIES": "1"}
    gid = ail.feed_image((ROOT / "samples" / "queries" / "octopus-forum-post.jpg").read_bytes(), "net:1")
    page = ail.crawl("login.onion", (ROOT / "samples" / "queries" / "tinlark-phishing-warning.jpg").read_bytes())
    ail.module("Global").send_message("image::" + "0" * 64, "", "Images")
    scripts = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    assert len(scripts) > 7 and page
    server = None
    try:
        commands = "\n".join(script for script in scripts if "curl" not in script).replace("/opt/ail-framework", str(ail.home))
        commands = commands.replace("> kuato_ail.py", f"> {tmp_path}/kuato_ail.py").replace("samples/", f"{ROOT}/samples/")
        done = subprocess.run(["sh", "-euc", commands], cwd=tmp_path, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "image::" + "0" * 64 in done.stdout
        given = ail.run_tags()
        assert given[gid, 'image-match:bank="phishing kits"'] == given[gid, 'phishing:state="active"'] == 1
        assert [tag for object, tag in given if object.startswith("screenshot::") and tag == 'image-match:bank="our pages"']
        assert "KuatoItems" in (tmp_path / "kuato_ail.py").read_text()
        shutil.copy(ROOT / "samples" / "queries" / "market-photo.jpg", tmp_path / "suspicious.png")
        for program in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
            done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environ, capture_output=True, text=True)
            assert (done.returncode, done.stdout.startswith("YES")) == (0, True), done.stdout + done.stderr
        (call,) = [script for script in scripts if "curl" in script]
        command = [bin / "kuato", "--set", "web.listen=127.0.0.1:0", "serve", "api"]
        server = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
        assert server.stderr is not None
        url = server.stderr.readline().split()[-1]
        if shutil.which("curl"):
            call = call.replace("http://127.0.0.1:6670", url)
            done = subprocess.run(["sh", "-euc", call], cwd=ROOT, env=environ, capture_output=True, text=True)
            assert '"decision": "YES"' in done.stdout, done.stdout
    finally:
        if server is not None:
            server.terminate()
            server.communicate(timeout=30)
        EmbeddedRedis(tmp_path / ".local" / "share" / "kuato").stop()
