"""Whether it lives and is ready, its figures, and everything it knows."""

import time
from itertools import chain
from typing import Literal

from typing_extensions import TypedDict

import matcher
from matcher.diskroom import DiskRoom
from matcher.errors import StoreUnavailable
from matcher.interchange.export import export_lines
from matcher.machine import Machine
from matcher.tokens import Role
from matcher.web.operation import Call, Reply, Routes

routes = Routes("operation")

LIVE = "/status/live"

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_LINES = "application/x-ndjson"


class Live(TypedDict):
    """The server answers."""

    status: Literal["live"]
    version: str


class Ready(TypedDict):
    """The server can do its work: Redis answers."""

    status: Literal["ready"]


@routes.get(LIVE, role=None, outside=True, returns=Live)
def live(_call: Call) -> Live:
    """Tell that the server answers; never depends on Redis."""
    return {"status": "live", "version": matcher.__version__}


@routes.get("/status/ready", role=None, outside=True, returns=Ready, errors=(StoreUnavailable,))
def ready(call: Call) -> Ready:
    """Tell whether Redis answers; 503 while it loads its data or is away."""
    call.services.tokens.any()  # any reading will do; what Redis says of itself it says while it loads, too
    return {"status": "ready"}


@routes.get("/metrics", role=Role.SEARCH, outside=True, returns=str, content_type=_PROMETHEUS)
def get_metrics(call: Call) -> Reply:
    """Return figures for Prometheus."""
    call.caller.check_unlimited()
    services = call.services
    collection, disk = services.matcher.collection, DiskRoom(services.settings["data.dir"], 0)
    services.metrics.here(services.matcher.pool.standing(), disk.free(), services.audit.failures)
    try:
        begun = time.perf_counter()
        info = collection.store.info()
        taken = time.perf_counter() - begun
        held = sum(not one.released for one in collection.quarantine.all())
        services.metrics.redis(taken, info, Machine().room(info)[0], held)
        services.metrics.stored(collection.claims.count(), int(info["used_memory"]))
        services.metrics.queued(services.jobs.counts())
    except StoreUnavailable:
        services.metrics.stored(None, None)
    return Reply(services.metrics.text().decode())


@routes.get("/export", role=Role.ADMIN, returns=str, content_type=_LINES, audit="export")
def export(call: Call) -> Reply:
    """Return everything as JSON lines, as `kuato export` does."""
    call.caller.check_unlimited()
    lines = export_lines(call.services.matcher)
    first = next(lines)  # before the answer begins, so that a store that is away is still told as an error
    return Reply(chain((first,), lines))
