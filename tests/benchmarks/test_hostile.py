"""Honest clients are served while others hold connections and flood the server (benchmarks/hostile.py, shortened)."""

from pathlib import Path

import pytest

from benchmarks.hostile import asked, attacked, running


@pytest.mark.slow
def test_whoever_asks_is_answered_under_attack(tmp_path: Path) -> None:
    with running(tmp_path, web__connections=300) as server:
        with attacked(server.port, 350, floods=20):
            assert len(asked(server.port, 3, clients=2)) > 1
        assert len(asked(server.port, 1, clients=1)) > 0
    assert not [line for line in server.said if "Traceback" in line]
