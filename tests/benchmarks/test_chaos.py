"""Workers, servers and Redis are killed while clients work (benchmarks/chaos.py, shortened)."""

from pathlib import Path

import pytest

from benchmarks.api import ADD, DELETE
from benchmarks.chaos import Chaos, examined
from matcher.redis_server import EmbeddedRedis


@pytest.mark.slow
def test_what_is_acknowledged_outlives_those_who_acknowledged_it(tmp_path: Path) -> None:
    chaos = Chaos(tmp_path, kills=6, pictures=40, minutes=3)
    try:
        chaos.run(clients=4)
        first, second = examined(tmp_path)
        chaos.servers[0].start()
        chaos.ask_for_all()
    finally:
        for server in chaos.servers:
            server.stop()
        EmbeddedRedis(tmp_path).stop()
    assert chaos.wrong() == []
    assert chaos.unexpected == []
    assert first.clean
    assert second.findings == ()
    assert {name: count > 0 for name, count in chaos.killed.items()} == {"worker": True, "redis": True, "api": True}
    acknowledged = [event for event in chaos.events if event.acknowledged]
    assert len({event.picture for event in acknowledged if event.kind == ADD}) > 30
    assert any(event.kind == DELETE for event in acknowledged)
