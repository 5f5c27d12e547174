"""What Prometheus is told."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

import matcher
from matcher.match import Decision
from matcher.workers import Standing

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The figures of one server; counted since it started."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        r = self._registry
        Gauge("kuato_build_info", "Always 1; the label tells the version.", ["version"], registry=r).labels(matcher.__version__).set(1)
        self._requests = Counter(
            "kuato_requests", "Requests answered, by route, method and status.", ["route", "method", "status"], registry=r
        )
        self._seconds = Histogram("kuato_request_seconds", "Time to the answer, by route.", ["route"], buckets=_BUCKETS, registry=r)
        self._errors = Counter("kuato_errors", "Requests that ended with an error, by its code.", ["code"], registry=r)
        self._decisions = Counter("kuato_decisions", "Searches answered, by decision.", ["decision"], registry=r)
        self._store = Gauge("kuato_store_up", "Whether Redis answered when this was asked: 1 or 0.", registry=r)
        self._pictures = Gauge("kuato_pictures", "Known pictures.", registry=r)
        self._memory = Gauge("kuato_redis_bytes", "Memory that Redis uses, in bytes.", registry=r)
        self._jobs = Gauge("kuato_jobs", "Jobs that are kept, by state.", ["state"], registry=r)
        self._in_work = Gauge("kuato_requests_in_work", "Requests that are being answered.", registry=r)
        self._answer = Gauge("kuato_redis_seconds", "Time that Redis took for an answer when this was asked.", registry=r)
        self._room = Gauge("kuato_redis_free_bytes", "Memory that Redis may still use, in bytes, where that can be told.", registry=r)
        self._clients = Gauge("kuato_redis_clients", "Connections that Redis has, ours and others'.", registry=r)
        self._durable = Gauge("kuato_redis_durable", "Whether Redis keeps an append-only file and could last write it: 1 or 0.", registry=r)
        self._disk = Gauge("kuato_disk_free_bytes", "Room on the disk of data.dir, in bytes.", registry=r)
        self._held = Gauge("kuato_quarantined", "Pictures and hashes in quarantine.", registry=r)
        self._workers = Gauge("kuato_workers", "Decoding processes, by state: busy or free.", ["state"], registry=r)
        self._waiting = Gauge("kuato_workers_waiting", "Pictures that wait for a decoding process.", registry=r)
        self._started = Gauge("kuato_workers_started", "Decoding processes started since the server began.", registry=r)
        self._lost = Gauge("kuato_workers_lost", "Decoding processes that died or were ended at their limit since then.", registry=r)
        self._unaudited = Gauge("kuato_audit_failures", "Lines of the audit file that could not be written since then.", registry=r)
        ProcessCollector(registry=r)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request; route as declared, never as asked, so that nobody can make up new ones."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def begun(self) -> None:
        """Count a request that is being answered."""
        self._in_work.inc()

    def ended(self) -> None:
        """Count a request as answered, whatever became of it."""
        self._in_work.dec()

    def failed(self, code: str) -> None:
        """Count an error by its code."""
        self._errors.labels(code).inc()

    def decided(self, decision: Decision) -> None:
        """Count the answer to a search."""
        self._decisions.labels(decision.value).inc()

    def stored(self, pictures: int | None, redis_bytes: int | None) -> None:
        """Note how much is known; None when Redis did not answer."""
        self._store.set(0 if pictures is None else 1)
        if pictures is not None and redis_bytes is not None:
            self._pictures.set(pictures)
            self._memory.set(redis_bytes)

    def redis(self, seconds: float, info: Mapping[str, Any], free: int | None, held: int) -> None:
        """Note how Redis stands. info: what it says of itself. free: bytes, None where that cannot be told. held: in quarantine."""
        self._answer.set(seconds)
        self._clients.set(int(info.get("connected_clients") or 0))
        self._durable.set(bool(info.get("aof_enabled")) and info.get("aof_last_write_status", "ok") == "ok")
        self._held.set(held)
        if free is not None:
            self._room.set(free)

    def here(self, workers: Standing, disk: int | None, unaudited: int) -> None:
        """Note how this machine stands. disk: bytes free, None where that cannot be told. unaudited: lines that were lost."""
        self._workers.labels("busy").set(workers.busy)
        self._workers.labels("free").set(workers.size - workers.busy)
        self._waiting.set(workers.waiting)
        self._started.set(workers.started)
        self._lost.set(workers.lost)
        self._unaudited.set(unaudited)
        if disk is not None:
            self._disk.set(disk)

    def queued(self, counts: dict[str, int]) -> None:
        """Note how many jobs are in each state."""
        for state, count in counts.items():
            self._jobs.labels(state).set(count)

    def text(self) -> bytes:
        """Return all figures in the format of Prometheus."""
        return generate_latest(self._registry)

    def described(self) -> dict[str, str]:
        """Return the name and meaning of each figure, the name as Prometheus sees it."""
        families = self._registry.collect()
        return {f"{one.name}_total" if one.type == "counter" else one.name: one.documentation for one in families}
