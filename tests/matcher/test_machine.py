"""What memory is left: by Redis' own limit, on our machine, in a container, elsewhere."""

from pathlib import Path

import pytest

from matcher.machine import Machine, shared

GB = 1 << 30
SERVER = {"used_memory": 2 * GB, "used_memory_rss": 3 * GB, "maxmemory": 0, "total_system_memory": 16 * GB, "process_id": 77}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with 16 GB, 10 of them available, with a redis-server in no control group to speak of."""
    write(tmp_path / "proc/meminfo", f"MemTotal: {16 * GB >> 10} kB\nMemFree: 1 kB\nMemAvailable: {10 * GB >> 10} kB\nHugePages_Total: 0\n")
    write(tmp_path / "proc/77/comm", "redis-server\n")
    write(tmp_path / "proc/77/cgroup", "0::/system.slice/kuato.service\n")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def limit(group: Path, most: str, used: int, cached: int = 0) -> None:
    write(group / "memory.max", most + "\n")
    write(group / "memory.current", f"{used}\n")
    write(group / "memory.stat", f"anon 5\ninactive_file {cached}\n")


def test_the_limit_of_redis_comes_first(root: Path) -> None:
    assert Machine(root).room(SERVER | {"maxmemory": 5 * GB}) == (3 * GB, "maxmemory")
    assert Machine(root).room(SERVER | {"maxmemory": GB}) == (0, "maxmemory")


def test_on_our_machine_it_is_what_is_available(root: Path) -> None:
    assert Machine(root).room(SERVER) == (10 * GB, "machine")


def test_a_control_group_may_allow_less(root: Path) -> None:
    groups = root / "sys/fs/cgroup"
    limit(groups / "system.slice/kuato.service", "max", 2 * GB)
    limit(groups / "system.slice", str(6 * GB), 5 * GB, cached=2 * GB)
    assert Machine(root).room(SERVER) == (3 * GB, "container")
    limit(groups, str(4 * GB), 5 * GB)
    assert Machine(root).room(SERVER) == (0, "container")
    limit(groups, str(100 * GB), 5 * GB)
    limit(groups / "system.slice", str(100 * GB), 5 * GB)
    assert Machine(root).room(SERVER) == (10 * GB, "machine")


def test_another_process_of_that_number_is_not_the_server(root: Path) -> None:
    limit(root / "sys/fs/cgroup/system.slice", str(GB), 0)
    write(root / "proc/77/comm", "bash\n")
    assert Machine(root).room(SERVER) == (10 * GB, "machine")


def test_of_another_machine_only_its_whole_memory_is_known(root: Path) -> None:
    assert Machine(root).room(SERVER | {"total_system_memory": 64 * GB}) == (61 * GB, "elsewhere")
    assert Machine(root).room(SERVER | {"total_system_memory": GB}) == (0, "elsewhere")


def test_what_cannot_be_told(root: Path, tmp_path: Path) -> None:
    assert Machine(root).room({"used_memory": 1}) == (None, "unknown")
    assert Machine(tmp_path / "nowhere").room(SERVER) == (13 * GB, "elsewhere")


def test_the_real_one() -> None:
    lines = Path("/proc/meminfo").read_text().splitlines()
    whole = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemTotal"))
    room, bound = Machine().room(SERVER | {"total_system_memory": whole})
    assert bound in ("machine", "container")
    assert room is not None
    assert 0 < room < whole


def test_of_servers_that_fill_evenly_the_first_that_is_full_ends_it() -> None:
    assert shared([(3 * GB, "maxmemory"), (2 * GB, "maxmemory"), (9 * GB, "elsewhere")]) == (6 * GB, "maxmemory")
    assert shared([(5 * GB, "elsewhere")] * 3) == (15 * GB, "elsewhere")


def test_what_a_machine_has_left_its_servers_share() -> None:
    assert shared([(8 * GB, "machine")] * 3) == (8 * GB, "machine")
    assert shared([(8 * GB, "machine"), (None, "unknown")]) == (None, "unknown")
