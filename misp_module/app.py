"""The misp-modules protocol over HTTP: /modules, /query, /healthcheck, /version, and nothing else.

MISP takes any status but 200 for a server that is away, and an answer without `results` stops a whole event's enrichment:
whatever goes wrong with a query is 200 with `error` and `results`.
"""

import json
import logging
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, abort, request
from werkzeug.exceptions import HTTPException

from matcher import __version__
from matcher.errors import BadPicture, BadRequest, Busy, Late, NotFound, StoreUnavailable
from matcher.fingerprints.registry import available
from matcher.settings import Settings, config_dir
from misp_module.access import AllowList
from misp_module.correlation import ImageCorrelation, Known
from misp_module.deadline import Desk
from misp_module.modules import Module, entry
from misp_module.objects import ObjectWriter
from misp_module.query import parse, plain

_logger = logging.getLogger(__name__)


def create_app(matcher: Known, settings: Settings) -> Flask:
    """Return the WSGI application.

    Requests are answered only to the addresses of `misp.allow`, taken from the connection itself, and never to a browser's
    scripts. As many queries are worked on at once as there are workers, so that none waits where the deadline is not watched.
    """
    versions = {name: algorithm.version for name, algorithm in available().items()}
    writer = ObjectWriter(config_dir() / "misp" / "objects", settings["misp.link_base"], versions)
    module = ImageCorrelation(matcher, writer, settings["misp.max_matches"], settings["picture.max_bytes"])
    desk = Desk(settings.workers(), settings["misp.deadline"])
    return _serve({module.name: module}, AllowList(settings["misp.allow"]), desk, max_body(settings))


def max_body(settings: Settings) -> int:
    """Return the bytes a query may have: the largest picture in base64, and room for the rest of the request."""
    return 2 * int(settings["picture.max_bytes"]) + 2**20


def _serve(modules: dict[str, Module], allowed: AllowList, desk: Desk, longest: int) -> Flask:
    app = Flask(__name__, static_folder=None, template_folder=None)

    @app.before_request
    def admit() -> None:
        # A page in a browser on the same machine also comes from loopback; unlike MISP it cannot help sending an Origin.
        if not allowed.admits(request.remote_addr or "") or "Origin" in request.headers:
            _logger.warning("refused a request from %s (misp.allow)", request.remote_addr)
            abort(403, "This address may not ask; see misp.allow in Kuato's settings.")

    @app.errorhandler(HTTPException)
    def fail(error: HTTPException) -> Response:
        return _json({"error": error.description or error.name}, error.code or 500)

    @app.get("/modules", provide_automatic_options=False)
    def list_modules() -> Response:
        return _json([entry(module) for module in modules.values()])

    @app.get("/healthcheck", provide_automatic_options=False)
    def healthcheck() -> Response:
        return _json({"status": True})

    @app.get("/version", provide_automatic_options=False)
    def version() -> Response:
        return _json({"version": __version__})

    @app.post("/query", provide_automatic_options=False)
    def query() -> Response:
        if (request.content_length or 0) > longest:
            return _json(_failed(f"The request has more than {longest >> 20} MiB; the picture is too large (picture.max_bytes)."))
        body = request.stream
        # The body is read by the job, not before: only as many are in memory as jobs are running.
        return _json(_guarded(desk, lambda deadline: _answer(modules, body.read(), deadline)))

    return app


def _answer(modules: dict[str, Module], body: bytes, deadline: float) -> dict[str, Any]:
    asked = parse(body)
    name = asked.get("module")
    module = modules.get(name) if isinstance(name, str) else None
    if module is None:
        raise NotFound(f"There is no module {plain(name)} here; there is {', '.join(modules)}.")
    return module.answer(asked, deadline)


def _guarded(desk: Desk, job: Callable[[float], dict[str, Any]]) -> dict[str, Any]:
    try:
        return desk.run(job)
    except (BadPicture, BadRequest, NotFound, Busy, Late) as error:
        return _failed(str(error))
    except StoreUnavailable:
        # The text may tell where the store is, which is the operator's to know.
        _logger.exception("the store did not answer")
        return _failed("Kuato's store is away; its operator can see why with `kuato doctor`.")
    except Exception:  # a bug must not look like a server that is away
        _logger.exception("a query failed")
        return _failed("Kuato could not answer; its log tells why.")


def _failed(text: str) -> dict[str, Any]:
    return {"error": text, "results": {}}


def _json(value: Any, status: int = 200) -> Response:
    # A lone surrogate, from a file name say, is escaped by json and then refused by PHP: better a question mark.
    text = json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    return Response(text, status, content_type="application/json")
