"""The misp-modules protocol over HTTP: /modules, /query, /healthcheck, /version, and nothing else."""

import json
import logging
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, abort, request
from werkzeug.exceptions import HTTPException

from matcher import __version__
from matcher.settings import Settings
from misp_module.access import AllowList
from misp_module.answering import HEAD, Answering, failed, module_of
from misp_module.upstream import Upstream

_logger = logging.getLogger(__name__)


def create_app(modules: Answering, settings: Settings) -> Flask:
    """Return the WSGI application that serves these modules.

    Requests are answered only to the addresses of `misp.allow`, taken from the connection itself, and never to a browser's
    scripts. As many queries are worked on at once as there are workers, so that none waits where the deadline is not watched.
    """
    upstream = Upstream(settings["misp.upstream"], settings["misp.upstream_seconds"]) if settings["misp.upstream"] else None
    return _serve(modules, AllowList(settings["misp.allow"]), upstream, max_body(settings))


def max_body(settings: Settings) -> int:
    """Return the bytes a query may have: the largest picture in base64, and room for the rest of the request."""
    return 2 * int(settings["picture.max_bytes"]) + 2**20


def _serve(modules: Answering, allowed: AllowList, upstream: Upstream | None, longest: int) -> Flask:
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
        others = upstream.modules() if upstream is not None else []
        return _json([*modules.entries(), *(each for each in others if not modules.has(each["name"]))])

    @app.get("/healthcheck", provide_automatic_options=False)
    def healthcheck() -> Response:
        return _json({"status": True})

    @app.get("/version", provide_automatic_options=False)
    def version() -> Response:
        return _json({"version": __version__})

    @app.post("/query", provide_automatic_options=False)
    def query() -> Response:
        if (request.content_length or 0) > longest:
            return _json(failed(f"The request has more than {longest >> 20} MiB; the picture is too large (picture.max_bytes)."))
        body = request.stream
        head = body.read(HEAD)
        name = module_of(head)
        rest: Callable[[], bytes] = lambda: head + body.read()  # noqa: E731
        if upstream is not None and name and not modules.has(name):
            return Response(upstream.query(rest), content_type="application/json")
        return _json(modules.answer(rest, head, request.content_length or longest))

    return app


def _json(value: Any, status: int = 200) -> Response:
    # A lone surrogate, from a file name say, is escaped by json and then refused by PHP: better a question mark.
    text = json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    return Response(text, status, content_type="application/json")
