"""Completion in the shells of docs/installation.md: what each of them offers after `kuato bank cre`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
ASKED = {
    # What a person's shell does on the tabulator key: bash fills COMPREPLY, zsh calls compadd, fish has a command for it.
    "bash": 'COMP_WORDS=(kuato bank cre); COMP_CWORD=2; _kuato_completion kuato cre bank; printf "%s\\n" "${COMPREPLY[@]}"',
    "zsh": 'compadd() { print -r -- "$@" }; _describe() { print -r -- ${(P)3} }; words=(kuato bank cre); CURRENT=3; _kuato_completion',
    "fish": 'complete --do-complete "kuato bank cre"',
}
SOURCED = {
    "bash": 'eval "$(_KUATO_COMPLETE=bash_source kuato)"',
    "zsh": 'compdef() { :; }; eval "$(_KUATO_COMPLETE=zsh_source kuato)"',
    "fish": "_KUATO_COMPLETE=fish_source kuato | source",
}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    environ = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    flags = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    done = subprocess.run(
        [shell, *flags, "-c", f"{SOURCED[shell]}\n{ASKED[shell]}"], env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert "create" in done.stdout, (done.stdout, done.stderr)
    assert "delete" not in done.stdout


def test_the_page_tells_of_each() -> None:
    page = (Path(__file__).parents[2] / "docs" / "installation.md").read_text()
    assert all(f"_KUATO_COMPLETE={shell}_source" in page for shell in SOURCED)
