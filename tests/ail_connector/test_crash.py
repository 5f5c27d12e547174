"""The short form of benchmarks/ail_crash.py."""

from pathlib import Path

import pytest

from benchmarks.ail_crash import run


@pytest.mark.slow
def test_kills_and_restarts_lose_nothing_and_tag_nothing_twice(tmp_path: Path) -> None:
    result = run(tmp_path, messages=120, consumers=2, kills=6, restarts=2)
    assert (result.kills, result.restarts) == (6, 2)
    assert result.right, result
