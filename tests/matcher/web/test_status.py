"""Whether it lives and is ready, with Redis away, loading or hung; its figures."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families
from redis.backoff import NoBackoff
from redis.retry import Retry

from matcher.engine import Matcher
from matcher.redis_server import EmbeddedRedis, find_server
from matcher.tokens import Tokens
from matcher.web.app import create_app
from tests.matcher.web.serving import hear, serving

LOGIN = "baseline/tinlark-login.png"


@pytest.fixture
def on(api, services):
    """The API on another Redis."""
    opened = []

    def make(url: str):
        matcher = Matcher.open(services.settings.with_overrides({"redis.url": url}))
        opened.append(matcher)
        api.app = create_app(replace(services, matcher=matcher, tokens=Tokens(matcher.collection.store)))
        return api

    yield make
    for matcher in opened:
        matcher.close()


def test_with_redis_all_is_well(api):
    assert api.get("/status/live").json["status"] == "live"
    assert api.get("/status/ready").json == {"status": "ready"}


def test_it_lives_without_redis_and_is_not_ready(on):
    api = on("redis://127.0.0.1:1/0")
    assert api.get("/status/live").status_code == 200
    ready = api.get("/status/ready")
    assert (ready.status_code, ready.json["code"]) == (503, "store-away")
    assert int(ready.headers["Retry-After"]) > 0
    assert "127.0.0.1" not in ready.text


def test_without_redis_nobody_is_let_in_for_want_of_a_token(on, upload):
    api = on("redis://127.0.0.1:1/0")
    for ask in (
        lambda: api.get("/api/v1/pictures"),
        lambda: api.get("/api/v1/pictures", token="kuato_000000000000_x"),
        lambda: api.post("/api/v1/search", **upload(LOGIN)),
        lambda: api.get("/metrics"),
    ):
        assert (ask().status_code, ask().json["code"]) == (503, "store-away")


@pytest.fixture
def slow_redis(tmp_path: Path) -> Iterator[Callable[..., redis.Redis]]:
    """Start a redis-server on a socket in the test's folder."""
    started = []

    def start(**options: object) -> redis.Redis:
        given = {"port": 0, "unixsocket": tmp_path / "socket", "dir": tmp_path, "save": "", "logfile": tmp_path / "log"} | options
        words = [str(find_server()), *(word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value)))]
        started.append(subprocess.Popen(words))
        client = redis.Redis(unix_socket_path=str(tmp_path / "socket"), retry=Retry(NoBackoff(), 0))
        started.append(client)
        while True:
            try:
                client.ping()
            except redis.BusyLoadingError:
                return client
            except redis.ConnectionError:
                assert started[-2].poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.02)
            else:
                return client

    yield start
    for each in started:
        if isinstance(each, redis.Redis):
            each.close()
        else:
            each.kill()
            each.wait()


@pytest.mark.slow
def test_it_is_not_ready_while_redis_loads_its_data(slow_redis, on, tmp_path):
    client = slow_redis(rdbcompression="no")
    api = on(f"unix://{tmp_path}/socket")
    assert api.get("/status/ready").status_code == 200
    for n in range(60):
        client.set(f"something else:{n}", bytes(1 << 20))
    client.save()
    client.shutdown(nosave=True)
    client = slow_redis(key_load_delay=150_000)  # microseconds for each key; meanwhile it answers from time to time
    with pytest.raises(redis.BusyLoadingError):
        client.get("anything")
    assert api.get("/status/live").status_code == 200
    ready = api.get("/status/ready")
    assert (ready.status_code, ready.json.get("code")) == (503, "store-away")
    while client.info("persistence")["loading"]:
        time.sleep(0.02)
    assert api.get("/status/ready").status_code == 200
    assert api.get("/api/v1/pictures").status_code == 200


@pytest.mark.slow
def test_it_lives_while_redis_hangs_and_all_threads_wait_for_it(tmp_path):
    server = EmbeddedRedis(tmp_path / "redis")
    url = server.ensure()
    pid = int((tmp_path / "redis" / "redis.pid").read_text())
    try:
        with serving(url, tmp_path / "data", web__threads=4) as serving_now:
            assert serving_now.ask("GET", "/status/ready").status == 200
            os.kill(pid, signal.SIGSTOP)
            try:
                asking = [serving_now.connect() for _ in range(12)]
                for line in asking:
                    line.sendall(b"GET /api/v1/pictures HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                large = serving_now.connect()
                large.sendall(b"POST /api/v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n\r\n")
                for _ in range(20):
                    assert serving_now.ask("GET", "/status/live").json["status"] == "live"
                for line in (*asking, large):
                    line.setblocking(False)
                    with pytest.raises(BlockingIOError):
                        line.recv(1)  # they still wait
                    line.setblocking(True)
            finally:
                os.kill(pid, signal.SIGCONT)
            assert {hear(line).status for line in asking} <= {200, 503}
            for line in (*asking, large):
                line.close()
            assert serving_now.ask("GET", "/status/ready").status == 200
    finally:
        server.stop()


def figures(api) -> dict[str, float]:
    text = api.get("/metrics").text
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_figures_count_what_is_asked(api, upload):
    sha256 = api.post("/api/v1/pictures", **upload(LOGIN)).json["picture"]["sha256"]
    api.get(f"/api/v1/pictures/{sha256}")
    api.get(f"/api/v1/pictures/{'0' * 64}")
    api.app.test_client().get("/somewhere/else")
    found = figures(api)
    get = "[('method', 'GET'), ('route', '/pictures/{sha256}'), ('status', '%d')]"
    assert [found[f"kuato_requests_total{get % status}"] for status in (200, 404)] == [1, 1]
    assert found["kuato_request_seconds_count[('route', '/pictures/{sha256}')]"] == 2
    assert found["kuato_errors_total[('code', 'not-found')]"] == 2
    assert found["kuato_pictures[]"] == 1
    assert found["kuato_store_up[]"] == 1
    assert found["kuato_redis_bytes[]"] > 100_000


def test_nobody_can_make_up_figures(api):

    def ask(names):
        for name in names:
            api.app.test_client().get(f"/somewhere/{name}")
            api.app.test_client().open("/api/v1/pictures", method=f"MADE-UP-{name}")
            api.app.test_client().get(f"/api/v1/banks/{name}")
            api.app.test_client().get(f"/api/v1/pictures?limit=x{name}")
        return set(figures(api))

    ask(range(3))
    assert ask(range(3, 6)) == ask(range(6, 30))


def test_figures_are_what_prometheus_takes(api):
    answer = api.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "sha256=" not in answer.text
