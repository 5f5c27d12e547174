"""What Prometheus is told."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

import matcher
from matcher.match import Decision

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

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request; route as declared, never as asked, so that nobody can make up new ones."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

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
