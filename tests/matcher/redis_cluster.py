"""A Redis Cluster on loopback, for tests and benchmarks: servers of its own, ended by their process ids."""

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from matcher.redis_server import find_server
from matcher.slots import SLOTS

PATIENCE = 120.0  # seconds; the machine may be busy with other things


@dataclass
class Node:
    """One server. folder: its data, its log. program: what to run. silence: milliseconds after which others take it for dead."""

    port: int
    folder: Path
    program: Path
    silence: int
    process: subprocess.Popen[bytes] | None = None
    client: redis.Redis = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.client = redis.Redis(port=self.port, socket_timeout=30, socket_connect_timeout=5, retry=Retry(NoBackoff(), 0))

    def start(self) -> None:
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "cluster-enabled": "yes",
            "cluster-node-timeout": str(self.silence),
            "cluster-replica-validity-factor": "0",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "repl-diskless-sync-delay": "0",
            "logfile": str(self.folder / "redis.log"),
        }
        command = [part for name, value in options.items() for part in (f"--{name}", value)]
        self.process = subprocess.Popen([self.program, *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        until(self.answers, "a node of the cluster does not answer")

    def answers(self) -> bool:
        with suppress(redis.RedisError, OSError):
            return bool(self.client.ping())
        return False

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            self.process.wait(PATIENCE)
            self.process = None

    def ask(self, *words: str | bytes | int) -> Any:
        """Send a command, return the answer as it comes."""
        pool: Any = self.client.connection_pool
        connection = pool.get_connection()
        try:
            connection.send_command(*words)
            return connection.read_response()
        except BaseException:
            connection.disconnect()
            raise
        finally:
            pool.release(connection)

    @property
    def id(self) -> str:
        return str(self.ask("CLUSTER MYID").decode())

    @property
    def about(self) -> dict[str, str]:
        """What CLUSTER INFO says."""
        return dict(line.split(":") for line in self.ask("CLUSTER INFO").decode().split("\r\n") if line)


class RedisCluster:
    """`masters` masters, each with `replicas` replicas. binary: the server to run; $KUATO_TEST_SERVER or the embedded one by default.

    silence: milliseconds after which a node is taken for dead; a busy machine may keep one silent for seconds.
    """

    def __init__(self, folder: Path, masters: int = 3, replicas: int = 1, binary: Path | None = None, silence: int = 15_000) -> None:
        ports = free_ports(masters * (1 + replicas))
        self.nodes = [Node(port, folder / str(port), binary or _program(), silence) for port in ports]
        self._masters = masters

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[: self._masters])

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        first, *others = self.nodes
        for other in others:
            other.ask("CLUSTER MEET", "127.0.0.1", first.port)
        masters, replicas = self.nodes[: self._masters], self.nodes[self._masters :]
        bounds = [round(SLOTS * n / len(masters)) for n in range(len(masters) + 1)]
        for n, master in enumerate(masters):
            master.ask("CLUSTER ADDSLOTS", *range(bounds[n], bounds[n + 1]))
        until(lambda: all(int(node.about["cluster_known_nodes"]) == len(self.nodes) for node in self.nodes), "the nodes do not meet")
        for n, replica in enumerate(replicas):
            master = masters[n % len(masters)]
            until(lambda m=master, r=replica: m.id in r.ask("CLUSTER NODES").decode(), "a replica does not know its master")  # type: ignore[misc]
            replica.ask("CLUSTER REPLICATE", master.id)
        self.wait_until_whole()

    def wait_until_whole(self) -> None:
        """Wait until every node that runs sees all slots served, and every replica has its master's data."""
        running = [node for node in self.nodes if node.process is not None]
        until(lambda: all(node.about["cluster_state"] == "ok" for node in running), "the cluster is not whole")
        until(lambda: all(_in_step(node) for node in running), "a replica is behind")
        until(lambda: len({_slots(node) for node in running}) == 1, "the nodes do not agree")

    def stop(self) -> None:
        for node in self.nodes:
            node.end()

    def masters(self) -> list[Node]:
        """The nodes that are masters now and have slots."""
        having = {port for start, end, (_, port, *_), *_ in _ranges(self._anyone())}
        return [node for node in self.nodes if node.port in having]

    def owner(self, slot: int) -> Node:
        port = next(port for start, end, (_, port, *_), *_ in _ranges(self._anyone()) if start <= slot <= end)
        return next(node for node in self.nodes if node.port == port)

    def replica_of(self, master: Node) -> Node:
        return next(
            node for node in self.nodes if node.process is not None and node.client.info("replication").get("master_port") == master.port
        )

    def wait_for_failover(self, dead: Node) -> None:
        """Wait until the cluster does without a master that was killed."""
        living = [node for node in self.nodes if node is not dead and node.process is not None]
        until(lambda: all(dead.port not in {port for _, _, (_, port, *_), *_ in _ranges(node)} for node in living), "no replica took over")
        until(lambda: all(node.about["cluster_state"] == "ok" for node in living), "the cluster is not whole")

    def move(self, slots: Sequence[int], source: Node, target: Node, between: Callable[[], object] = lambda: None) -> None:
        """Move slots with their keys, as redis-cli does. between: called while a slot is on its way, half of its keys moved."""
        for slot in slots:
            target.ask("CLUSTER SETSLOT", slot, "IMPORTING", source.id)
            source.ask("CLUSTER SETSLOT", slot, "MIGRATING", target.id)
            first = True
            while keys := source.ask("CLUSTER GETKEYSINSLOT", slot, 100):
                some = keys[: (len(keys) + 1) // 2] if first else keys
                source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 10000, "KEYS", *some)
                if first:
                    between()
                first = False
            if first:
                between()
            for node in (target, source, *(n for n in self.masters() if n not in (source, target))):
                node.ask("CLUSTER SETSLOT", slot, "NODE", target.id)

    def _anyone(self) -> Node:
        return next(node for node in self.nodes if node.process is not None)


@contextmanager
def running(folder: Path, masters: int = 3, replicas: int = 1, binary: Path | None = None, silence: int = 15_000) -> Iterator[RedisCluster]:
    """Run a cluster for as long as it is needed."""
    cluster = RedisCluster(folder, masters, replicas, binary, silence)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def until(condition: Callable[[], bool], failure: str) -> None:
    """Wait until something is so. Raises TimeoutError."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(failure)
        time.sleep(0.05)


def _program() -> Path:
    return Path(os.environ["KUATO_TEST_SERVER"]) if "KUATO_TEST_SERVER" in os.environ else find_server()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at, nor at the port 10,000 above, which the nodes speak with each other at."""
    found = list[int]()
    chance = random.Random(os.getpid() ^ time.time_ns())
    while len(found) < count:
        port = chance.randrange(20_000, 30_000)
        if port not in found and all(map(_free, (port, port + 10_000))):
            found.append(port)
    return found


def _free(port: int) -> bool:
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _ranges(node: Node) -> list[Any]:
    return list(node.ask("CLUSTER SLOTS"))


def _slots(node: Node) -> tuple[Any, ...]:
    return tuple(sorted((start, end, port) for start, end, (_, port, *_), *_ in _ranges(node)))


def _in_step(node: Node) -> bool:
    about = node.client.info("replication")
    return about["role"] == "master" or about["master_link_status"] == "up"
