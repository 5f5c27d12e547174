"""The embedded server, with real ones: many starters, kill -9, long paths, stale files."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from matcher import redis_server
from matcher.errors import StoreUnavailable
from matcher.redis_server import EmbeddedRedis

Make = Callable[[Path], EmbeddedRedis]


@pytest.fixture
def server() -> Iterator[Make]:
    made: list[EmbeddedRedis] = []

    def make(directory: Path) -> EmbeddedRedis:
        made.append(EmbeddedRedis(directory, patience=10))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def pid_of(url: str) -> int:
    with redis.Redis.from_url(url) as client:
        return int(client.info("server")["process_id"])


def put(url: str, name: str, value: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.set(name, value)


def get(url: str, name: str) -> bytes | None:
    with redis.Redis.from_url(url) as client:
        return client.get(name)  # type: ignore[return-value]  # redis-py names one type for both its kinds of client


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    while Path(f"/proc/{pid}/fd").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
        time.sleep(0.005)


def test_starts_once_and_answers(tmp_path: Path, server: Make) -> None:
    first = server(tmp_path / "data").ensure()
    assert server(tmp_path / "data").ensure() == first
    assert pid_of(first) == pid_of(server(tmp_path / "data").ensure())


def test_eight_processes_at_once_get_one_server(tmp_path: Path, server: Make) -> None:
    program = (
        "import sys, redis; from pathlib import Path; from matcher.redis_server import EmbeddedRedis\n"
        "sys.stdin.readline(); url = EmbeddedRedis(Path(sys.argv[1])).ensure()\n"
        "print(redis.Redis.from_url(url).info('server')['process_id'])"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "data")]
    starters = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    for starter in starters:
        assert starter.stdin
        starter.stdin.write("go\n")
        starter.stdin.flush()
    pids = {starter.communicate(timeout=30)[0].strip() for starter in starters}
    assert pids == {str(pid_of(server(tmp_path / "data").ensure()))}


def test_acknowledged_writes_survive_kill_9(tmp_path: Path, server: Make) -> None:
    embedded = server(tmp_path)
    for n in range(5):
        url = embedded.ensure()
        put(url, f"key{n}", "kept")
        kill(pid_of(url))
    url = embedded.ensure()
    assert [get(url, f"key{n}") for n in range(5)] == [b"kept"] * 5


def test_half_a_write_at_the_end_of_the_file_does_not_matter(tmp_path: Path, server: Make) -> None:
    embedded = server(tmp_path)
    put(embedded.ensure(), "key", "kept")
    kill(pid_of(embedded.ensure()))
    newest = max(tmp_path.rglob("*.aof"), key=lambda file: file.stat().st_mtime)
    with newest.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$3\r\nke")
    assert get(embedded.ensure(), "key") == b"kept"


def test_the_server_outlives_its_starter_and_the_starter_s_group(tmp_path: Path, server: Make) -> None:
    program = "import sys, pathlib, matcher.redis_server as r; print(r.EmbeddedRedis(pathlib.Path(sys.argv[1])).ensure())"
    starter = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, start_new_session=True)
    url = starter.communicate(timeout=30)[0].strip()
    assert os.getsid(pid_of(url)) != starter.pid
    assert server(tmp_path).ensure() == url


def test_a_path_too_long_for_a_socket(tmp_path: Path, server: Make) -> None:
    deep = tmp_path.joinpath(*["a folder with a long name"] * 6)
    embedded = server(deep)
    url = embedded.ensure()
    put(url, "key", "kept")
    folder = Path(json.loads((deep / "socket.json").read_text())["folder"])
    assert folder.stat().st_mode & 0o777 == 0o700
    kill(pid_of(url))
    assert get(server(deep).ensure(), "key") == b"kept"
    embedded.stop()
    assert not folder.exists()


def test_a_socket_folder_that_others_could_enter_is_not_used(tmp_path: Path, server: Make) -> None:
    deep = tmp_path.joinpath(*["a folder with a long name"] * 6)
    server(deep).ensure()
    server(deep).stop()
    trap = tmp_path / "trap"
    trap.mkdir(mode=0o755)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    for folder in (trap, link):
        (deep / "socket.json").write_text(json.dumps({"folder": str(folder), "for": str(deep.resolve())}))
        url = server(deep).ensure()
        assert str(folder) not in url
        server(deep).stop()


def test_a_copied_folder_gets_a_server_of_its_own(tmp_path: Path, server: Make) -> None:
    deep = tmp_path.joinpath(*["a folder with a long name"] * 6)
    copy = deep.with_name("a copy of the folder")
    original = server(deep).ensure()
    copy.mkdir(mode=0o700)
    (copy / "socket.json").write_bytes((deep / "socket.json").read_bytes())
    assert server(copy).ensure() != original


def test_stale_files_and_garbage_are_no_obstacle(tmp_path: Path, server: Make) -> None:
    (tmp_path / "redis.sock").write_text("not a socket")
    (tmp_path / "server.lock").write_bytes(b"\x00garbage" * 100)
    (tmp_path / "redis.pid").write_text("1\n")
    (tmp_path / "socket.json").write_text("[]")
    url = server(tmp_path).ensure()
    assert pid_of(url) > 1


def test_a_deleted_socket_is_mended_and_nobody_else_is_killed(tmp_path: Path, server: Make) -> None:
    embedded = server(tmp_path)
    url = embedded.ensure()
    before = pid_of(url)
    put(url, "key", "kept")
    bystander = subprocess.Popen(["sleep", "60"])
    (tmp_path / "redis.sock").unlink()
    (tmp_path / "redis.pid").write_text(f"{bystander.pid}\n")
    with pytest.raises(StoreUnavailable, match=r"redis\.log"):
        EmbeddedRedis(tmp_path, patience=4).ensure()
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()
    (tmp_path / "redis.pid").write_text(f"{before}\n")
    url = embedded.ensure()
    assert pid_of(url) != before
    assert get(url, "key") == b"kept"


def test_a_server_that_hangs_is_named_and_left_alone(tmp_path: Path, server: Make) -> None:
    pid = pid_of(server(tmp_path).ensure())
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(StoreUnavailable, match="does not answer"):
            EmbeddedRedis(tmp_path, patience=1).ensure()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert pid_of(server(tmp_path).ensure()) == pid


def test_damaged_data_is_reported_with_the_server_s_own_words(tmp_path: Path, server: Make) -> None:
    embedded = server(tmp_path)
    put(embedded.ensure(), "key", "value")
    embedded.stop()
    for file in tmp_path.rglob("*.aof"):
        file.write_bytes(b"this is no append-only file\r\n" * 10)
    with pytest.raises(StoreUnavailable, match="Bad file format"):
        embedded.ensure()


def test_stop_ends_the_server(tmp_path: Path) -> None:
    embedded = EmbeddedRedis(tmp_path)
    url = embedded.ensure()
    embedded.stop()
    with pytest.raises(redis.ConnectionError):
        pid_of(url)
    embedded.stop()


def test_odd_characters_in_the_path(tmp_path: Path, server: Make) -> None:
    url = server(tmp_path / 'a "b" %41 \\ ü').ensure()
    put(url, "key", "value")
    assert get(url, "key") == b"value"


def test_a_folder_that_anyone_may_write_is_refused(tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with pytest.raises(StoreUnavailable, match="chmod 700"):
        EmbeddedRedis(open_to_all).ensure()


def test_a_file_in_the_folder_s_place(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match=r"data\.dir"):
        EmbeddedRedis(tmp_path / "file").ensure()


def test_without_any_binary_the_package_to_install_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(redis_server.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(StoreUnavailable, match="install the package redis-server"):
        redis_server.find_server()


def test_the_server_listens_on_no_port_and_only_its_owner_may_connect(tmp_path: Path, server: Make) -> None:
    url = server(tmp_path).ensure()
    with redis.Redis.from_url(url) as client:
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("appendfsync") == {"appendfsync": "always"}
    assert (tmp_path / "redis.sock").stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_mode & 0o077 == 0 for file in tmp_path.iterdir())
