"""A server that works for a while holds about as much memory as before (benchmarks/soak.py, shortened)."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.soak import Soak, Soaked


@pytest.mark.slow
def test_memory_does_not_run_away(tmp_path: Path) -> None:
    with Soak(tmp_path) as soak:
        soak.run(5, 0)
        soaked = soak.run(12, 20)
    assert set(soaked.requests) <= {200, 201, 204, 404}
    assert sum(soaked.requests.values()) > 10
    (server,) = [points for name, points in soaked.memory.items() if name.startswith("server")]
    assert server[-1][1] - server[len(server) // 4][1] < 20e6
    assert {name.split()[0] for name in soaked.memory} == {"server", "worker", "redis"}


def test_a_leak_is_seen_and_a_level_is_none() -> None:
    soaked, times = Soaked(1), np.arange(600)
    soaked.memory["leaks"] = [(t, int(1e8 + 1e6 * t / 360)) for t in times]
    soaked.memory["level"] = [(t, int(1e8 + 1e5 * np.sin(t))) for t in times]
    soaked.memory["filled"] = [(t, int(1e8 + 1e6 * min(t, 50))) for t in times]
    soaked.memory["short"] = [(t, int(1e8 * t)) for t in times[:100]]
    slopes = soaked.slopes(600)
    assert slopes["leaks"] == pytest.approx(10, rel=0.01)
    assert abs(slopes["level"]) < 0.5 and abs(slopes["filled"]) < 0.01
    assert "short" not in slopes
