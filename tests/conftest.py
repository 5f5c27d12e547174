"""What tests of several packages need."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from matcher.redis_server import EmbeddedRedis
from matcher.settings import Settings

ROOT = Path(__file__).parent.parent


def pytest_configure() -> None:
    """Let Ctrl-C be tested also where a job in the background inherited that it is to be ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of data and contracts beside the project."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs {folder.name}/ beside the project")
    return folder


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an embedded Redis that serves this test run alone."""
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"))
    yield server.ensure()
    server.stop()


@pytest.fixture
def store_url(redis_url: str) -> str:
    """The URL of an empty Redis."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    return redis_url


@pytest.fixture
def settings(store_url: str, tmp_path: Path) -> Settings:
    """Settings on an empty Redis, with one worker and nothing of the user's."""
    return Settings.load(environ={}, overrides={"redis.url": store_url, "data.dir": tmp_path / "data", "workers.count": 1})


@pytest.fixture(scope="session")
def sample() -> Callable[[str], Path]:
    """Find a sample by its name, such as "baseline/harborline-login.png"."""

    def find(name: str) -> Path:
        path = ROOT / "samples" / name
        assert path.is_file(), f"there is no sample {name}"
        return path

    return find
