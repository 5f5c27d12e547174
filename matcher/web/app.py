"""The Flask application: every declared operation behind the same checks, every error in the same form."""

import json
import logging
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from matcher.doors import offered
from matcher.errors import BadRequest, BadSettings, KuatoError, MethodNotAllowed, NotFound, Refused, RequestTooLarge, StoreUnavailable
from matcher.tokens import Role
from matcher.ui.front import Front
from matcher.ui.pages import Page
from matcher.ui.visit import Visit
from matcher.web import reading
from matcher.web.access import Caller, Door
from matcher.web.openapi import BASE, document
from matcher.web.operation import Call, Operation, Reply, Routes
from matcher.web.page import page_routes
from matcher.web.people import People
from matcher.web.protection import HEADERS
from matcher.web.services import Services
from matcher.web.uploads import UploadRequest

GROUP = "kuato.blueprints"
_NOBODY = Caller("nobody", Role.SEARCH)
_RETRY_SECONDS = {429: "60", 503: "5"}
_FORM_MEMORY = 1 << 20
_BY_STATUS: dict[int, type[KuatoError]] = {error.status: error for error in (BadRequest, NotFound, MethodNotAllowed, RequestTooLarge)}

_log = logging.getLogger(__name__)


def create_app(services: Services, *, exposed: bool = False, routes: Iterable[Routes] | None = None) -> Flask:
    """Return the WSGI application.

    exposed: whether others than this machine's users can ask; then everybody needs a token.
    routes: what to serve, by default those of all installed packages.
    """
    found = list(routes) if routes is not None else installed()
    operations = [operation for each in found for operation in each.operations]
    described = document(operations)
    app = Flask(__name__, static_folder=None, template_folder=None)
    app.request_class = UploadRequest
    app.url_map.merge_slashes = False
    app.config["MAX_FORM_PARTS"] = services.settings["web.max_parts"]
    app.config["MAX_FORM_MEMORY_SIZE"] = _FORM_MEMORY
    people = People(services.matcher.collection.store, services.settings)
    door = Door(services.tokens, services.settings, exposed, people)
    for operation in (*operations, *page_routes(described).operations):
        rule = re.sub(r"\{(\w+):path\}", r"<path:\1>", operation.path)
        rule = ("" if operation.outside else BASE) + re.sub(r"\{(\w+)\}", r"<\1>", rule)
        view = _view(operation, services, door)
        app.add_url_rule(rule, operation.name, view, methods=[operation.method], provide_automatic_options=False)
    front = Front(services, people, door)
    front.attach(app)
    _answer_errors(app, services, front)
    _finish(app, services)
    return app


def installed() -> list[Routes]:
    """Return the routes of all installed packages, by name."""
    return offered(GROUP, Routes)


def _view(operation: Operation, services: Services, door: Door) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        g.operation = operation
        call = Call(services, _NOBODY, path)
        g.call = call
        if operation.role is not None:
            call.caller = door.caller(request)
            if call.caller.role < operation.role:
                raise Refused(f"this needs the role {operation.role.label}, the token has {call.caller.role.label}")
        reading.check_size(request, services.settings["web.max_body"])
        call.query = reading.query_of(operation, request)
        call.body, call.files = reading.body_of(operation, request)
        given = operation.handler(call)
        return _response(given if isinstance(given, Reply) else Reply(given, next(iter(operation.returns))), operation)

    return view


def _response(reply: Reply, operation: Operation) -> Response:
    if reply.value is None:
        return Response(b"", reply.status, dict(reply.headers))
    if operation.content_type == "application/json" and reply.content_type == "application/json":
        return _json(reply.value, reply.status, dict(reply.headers))
    kind = reply.content_type if reply.content_type != "application/json" else operation.content_type
    return Response(reply.value, reply.status, dict(reply.headers), content_type=kind)


def _answer_errors(app: Flask, services: Services, front: Front) -> None:
    def failed(error: KuatoError, message: str, headers: dict[str, str] | None = None) -> Response:
        services.metrics.failed(error.code)
        if front.concerns():
            return front.failed(error, message)
        return _json({"code": error.code, "message": message}, error.status, headers)

    @app.errorhandler(KuatoError)
    def foreseen(error: KuatoError) -> Response:
        if isinstance(error, StoreUnavailable | BadSettings):
            # The text may tell where the store is, which is the operator's to know.
            _log.error("%s", error)
            return failed(error, "Kuato's store is away; its operator can see why with `kuato doctor`")
        return failed(error, str(error))

    @app.errorhandler(HTTPException)
    def foreseen_by_flask(error: HTTPException) -> Response:
        kind = _BY_STATUS.get(error.code or 500, BadRequest)
        headers = {name: value for name, value in error.get_headers() if name == "Allow"}
        text = {
            404: "there is nothing at this address; /api/v1/openapi.json lists what there is",
            405: f"this address takes {headers.get('Allow', 'other methods')}, not {request.method}",
            413: f"the request has more than {services.settings['web.max_parts']} parts, or one that is too large (web.max_parts)",
        }.get(error.code or 500, error.description or error.name)
        return failed(kind(text), text, headers)

    @app.errorhandler(Exception)
    def unforeseen(_error: Exception) -> Response:
        # Not the address itself, which may name a picture that must not be named here.
        _log.exception("%s %s failed", request.method, request.url_rule)
        return failed(KuatoError(), "Kuato could not answer; its log tells why")


def _finish(app: Flask, services: Services) -> None:
    @app.before_request
    def begin() -> None:
        g.begun = time.perf_counter()
        services.metrics.begun()

    @app.after_request
    def end(response: Response) -> Response:
        operation: Operation | Page | None = g.get("operation") or g.get("page")
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if response.status_code in _RETRY_SECONDS:
            response.headers.setdefault("Retry-After", _RETRY_SECONDS[response.status_code])
        if response.status_code == 401:
            response.headers.setdefault("WWW-Authenticate", "Bearer")
        route = operation.path if operation else "none"
        method = operation.method if operation else "none"
        taken = time.perf_counter() - g.begun
        services.metrics.answered(route, method, response.status_code, taken)
        details = {"route": route, "method": method, "status": response.status_code, "seconds": round(taken, 4)}
        _log.info("%s %s: %d in %.3f s", method, route, response.status_code, taken, extra={"details": details})
        if operation is not None and operation.audit:
            _note(services, operation, g.call, response.status_code)
        return response

    @app.teardown_request
    def over(_error: BaseException | None) -> None:
        if "begun" in g:
            services.metrics.ended()


def _note(services: Services, operation: Operation | Page, call: Call | Visit, status: int) -> None:
    caller = call.caller
    services.audit.note(
        operation.audit,
        status=status,
        caller=caller.name,
        token=caller.token or None,
        address=request.remote_addr,
        **call.audited,
    )


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    # A lone surrogate, from a file name say, is escaped by json and then refused by strict readers: better a question mark.
    text = json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    return Response(text, status, headers, content_type="application/json")
