"""Sync and write-back, killed at random moments, with a server that fails now and then: all is there in the end, and once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from matcher.engine import Matcher
from matcher.settings import Settings
from tests.misp_module.fake_misp import FOREIGN, KEY, FakeMisp, Faults
from tests.misp_module.killed_sync import WRITES, differences, filled, run_killed


@pytest.fixture
def misp() -> Iterator[FakeMisp]:
    with FakeMisp(seed=5, faults=Faults(broken=0.03)).served() as server:
        yield server


@pytest.mark.slow
def test_killed_ten_times_it_ends_with_exactly_what_there_must_be(
    misp: FakeMisp, settings: Settings, store_url: str, tmp_path: Path
) -> None:
    expected = filled(misp, 200, 7)
    foreign = misp.of_orgs(FOREIGN)
    environ = {"KUATO_REDIS_URL": store_url, "KUATO_DATA_DIR": str(tmp_path), "KUATO_WORKERS_COUNT": "1", "XDG_CONFIG_HOME": str(tmp_path)}
    environ |= {"KUATO_MISP_URL": misp.url, "KUATO_MISP_KEY": KEY, "KUATO_MISP_PAUSE": "0.01", "KUATO_MISP_PAGE": "20"}
    environ |= {"KUATO_MISP_WRITE": WRITES, "KUATO_MISP_MAX_WRITES_RUN": "100000", "KUATO_MISP_MAX_WRITES_DAY": "100000"}
    environ |= {"KUATO_ADD_LEASE_SECONDS": "1", "PATH": "/usr/bin:/bin"}
    killed = run_killed(environ, misp, 10, 11, 45, tmp_path / "log")
    for _ in range(2):  # what is right already stays as it is
        run_killed(environ, misp, 0, 0, 1, tmp_path / "log")
        with Matcher.open(settings) as matcher:
            known = {source.id: record.sha256 for record in matcher.find(limit=None) for source in record.sources}
        assert differences(misp, expected, known) == [], (tmp_path / "log").read_text()[-2000:]
    assert misp.of_orgs(FOREIGN) == foreign
    assert not any("publish" in request for request in misp.requests)
    assert killed == 10
