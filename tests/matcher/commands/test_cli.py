"""What all commands have in common: where they come from, their options, how they fail."""

import signal
from pathlib import Path
from typing import Any

import pytest

import matcher
from tests.matcher.commands.conftest import Kuato, documents


def test_version_and_help_need_nothing(kuato: Kuato, tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("[")
    assert kuato("--version").stdout == f"kuato, version {matcher.__version__}\n"
    for words in ([], ["add"], ["bank", "create"]):
        assert kuato("--config", broken, *words, "--help").exit_code == 0


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        (["--config", "missing.toml"], 2, "missing.toml cannot be read"),
        (["--set", "search.limits=1"], 2, "did you mean search.limit?"),
        (["--set", "search.limit=many"], 2, "a whole number"),
        (["--set", "search.limit"], 2, "write NAME=VALUE"),
        (["--redis", "redis://127.0.0.1:1"], 7, "Redis did not answer"),
        (["--redis", "ftp://127.0.0.1"], 2, "redis.url"),
        (["--nonsense"], 2, "No such option"),
    ],
)
def test_wrong_options(kuato: Kuato, options: list[str], code: int, reason: str) -> None:
    result = kuato(*options, "list")
    assert (result.exit_code, result.stdout) == (code, ""), result.stderr
    assert reason in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unknown_command_is_a_usage_error(kuato: Kuato) -> None:
    result = kuato("serach")
    assert (result.exit_code, "No such command 'serach'" in result.stderr) == (2, True)


def test_a_stranger_brings_a_command_and_uses_ours(kuato: Kuato, stranger: Any) -> None:
    stranger(
        "[kuato.commands]\ncount = kuato_stranger:count\nlist = kuato_stranger:count\n",
        "import click\n"
        "from matcher.commands.invocation import pass_invocation\n"
        "from matcher.errors import Conflict\n"
        "@click.command()\n"
        "@click.option('--fail', is_flag=True)\n"
        "@pass_invocation\n"
        "def count(invocation, fail):\n"
        "    if fail: raise Conflict('this cannot be')\n"
        "    click.echo(invocation.matcher.stats()['pictures'])\n",
    )
    assert kuato("count").stdout == "0\n"
    failed = kuato("count", "--fail")
    assert (failed.exit_code, failed.stderr) == (5, "kuato: this cannot be [conflict]\n")
    assert "count" in kuato("--help").stdout
    hidden = kuato("list", "--json")
    assert (hidden.exit_code, hidden.stdout) == (0, "")
    assert "list of kuato_stranger:count is hidden by matcher.commands.list:list_pictures" in hidden.stderr


@pytest.mark.parametrize("module", ["import nothing_of_that_name", "raise SystemExit(3)", "broken = 7", "1 +"])
def test_a_broken_stranger_hinders_nobody(kuato: Kuato, stranger: Any, module: str) -> None:
    stranger("[kuato.commands]\nbroken = kuato_stranger:broken\n", module)
    called = kuato("broken")
    assert (called.exit_code, called.stderr.startswith("kuato: warning: command broken")) == (2, True)
    listed = kuato("--help")
    assert (listed.exit_code, "search" in listed.stdout) == (0, True)
    assert "kuato: warning: command broken" in listed.stderr
    quiet = kuato("list")
    assert (quiet.exit_code, quiet.stderr) == (0, "")


def test_the_unforeseen_is_one_line_and_its_traceback_in_the_log(kuato: Kuato, stranger: Any) -> None:
    stranger("[kuato.commands]\ntrip = kuato_stranger:trip\n", "import click\n@click.command()\ndef trip(): [][0]\n")
    result = kuato("trip")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "IndexError" in result.stderr
    assert "Traceback" in kuato("--verbose", "trip").stderr
    kuato.environ["KUATO_DEBUG"] = "1"
    assert "Traceback" in kuato("trip").stderr


def test_a_reader_who_leaves_is_no_error(kuato: Kuato, gallery: Path) -> None:
    process = kuato.start("hash", *[gallery / "boat.png"] * 400, "--json", "--algorithm", "pdq")
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=30) == 128 + signal.SIGPIPE
    assert process.stderr.read() == b""
    process.stderr.close()


def test_all_that_is_printed_survives_an_old_terminal(kuato: Kuato, gallery: Path, tmp_path: Path) -> None:
    (tmp_path / "雪.png").write_bytes((gallery / "white.png").read_bytes())
    kuato.environ |= {"PYTHONIOENCODING": "latin-1"}
    process = kuato.start("add", tmp_path / "雪.png")
    out, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, b"")
    assert rb"\u96ea.png" in out
    [kept] = documents(kuato("list", "--json").stdout)
    assert kept["sources"][0]["id"] == str(tmp_path / "雪.png")
