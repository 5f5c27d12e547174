"""Redis is full, away, silent while clients work (benchmarks/faults.py, shortened)."""

from collections.abc import Iterator

import pytest

from benchmarks.faults import Trial, complaints, suffered

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """One server and one Redis: what one fault leaves behind, the next one meets."""
    with Trial(tmp_path_factory.mktemp("faults"), redis__timeout=1) as trial:
        yield trial
    assert not [line for line in trial.server.said if "Traceback" in line]


@pytest.mark.parametrize("name", ["full", "disk-full", "restarted", "half-open"])
def test_writes_are_refused_and_all_is_well_again_soon(trial: Trial, name: str) -> None:
    outcome = suffered(trial, name, pictures=8, seconds=1)
    assert complaints(outcome) == []
