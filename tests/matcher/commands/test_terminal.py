"""What a person sees on a terminal of 80 columns."""

import os
import re
from pathlib import Path

import pytest

from tests.matcher.commands.conftest import Kuato, documents

COLOUR = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def on_terminal(kuato: Kuato, *arguments: str | Path, streams: tuple[str, ...] = ("stdout", "stderr")) -> tuple[str, str]:
    """Return what is written to the terminal, and to a stdout that is none."""
    master, slave = os.openpty()
    kuato.environ |= {"TERM": "xterm-256color"}
    process = kuato.start(*arguments, **dict.fromkeys(streams, slave))
    os.close(slave)
    seen = b""
    try:
        while data := os.read(master, 65536):
            seen += data
    except OSError:  # all that held the other end are gone
        pass
    rest, _ = process.communicate(timeout=20)
    os.close(master)
    assert process.returncode == 0, seen
    return seen.decode().replace("\r\n", "\n"), (rest or b"").decode()


@pytest.fixture
def stocked(kuato: Kuato, gallery: Path) -> Kuato:
    kuato("bank", "create", "brands", "--kind", "baseline", "--note", "the pages of some brands that are often imitated")
    kuato("add", gallery / "house.png", "--bank", "brands", "--tag", "a:long=tag", "--source", "url:https://x.org/" + "y" * 90)
    return kuato


@pytest.mark.parametrize("call", [["search"], ["list"], ["show"], ["compare"], ["hash"], ["bank", "list"], ["stats"]])
def test_tables_fit_80_columns_and_name_pictures_in_full(stocked: Kuato, gallery: Path, call: list[str]) -> None:
    sha256 = stocked.json("list")[0]["sha256"]
    house, small = str(gallery / "house.png"), str(gallery / "house-small.jpg")
    arguments = {"search": [small], "show": [sha256], "compare": [house, small], "hash": [house]}.get(call[0], [])
    lines = COLOUR.sub("", on_terminal(stocked, *call, *arguments)[0]).splitlines()
    # The first line may hold the name of a file as it was given.
    assert [line for line in lines[1:] if len(line) > 80] == []
    if call[0] in ("search", "list", "show", "hash"):
        assert any(sha256 in line for line in lines)


def test_decisions_are_coloured(stocked: Kuato, gallery: Path) -> None:
    assert re.search(r"\x1b\[[0-9;]+mYES", on_terminal(stocked, "search", gallery / "house.png")[0])


def test_a_bar_on_stderr_leaves_json_on_stdout_alone(kuato: Kuato, gallery: Path) -> None:
    seen, answer = on_terminal(kuato, "add", gallery, "--json", streams=("stderr",))
    assert "4/4" in COLOUR.sub("", seen)
    assert len(documents(answer)) == 4


def test_no_bar_between_json_lines_on_a_terminal(kuato: Kuato, gallery: Path) -> None:
    seen, _ = on_terminal(kuato, "add", gallery, "--json")
    assert len(documents(seen)) == 4


def test_a_bar_goes_when_it_is_done(kuato: Kuato, gallery: Path) -> None:
    seen, _ = on_terminal(kuato, "add", gallery)
    assert "4/4" in seen
    assert seen.rstrip().endswith("4 added, 0 known already")
