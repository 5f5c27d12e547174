"""A server of the next minor version, as one that is older may meet it in a rolling upgrade: it says more than it did."""

import json
from collections.abc import Iterable
from typing import Any

NEWS = {"said_since_the_next_minor": [{"nobody": "knows"}, None, 1.5]}


class NextMinor:
    """Serves another WSGI application, and puts something new into each JSON object of its answers.

    deep: into all of them, not only the outermost. What an application streams is passed on as it is.
    """

    def __init__(self, app: Any, deep: bool = True) -> None:
        self._app, self._deep = app, deep

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        said: list[Any] = []
        body = b"".join(self._app(environ, lambda status, headers, *rest: said.extend((status, headers, *rest))))
        status, headers = said[0], said[1]
        if any(name.lower() == "content-type" and value.startswith("application/json") for name, value in headers):
            body = json.dumps(self._more(json.loads(body), True)).encode()
            headers = [(name, str(len(body)) if name.lower() == "content-length" else value) for name, value in headers]
        start_response(status, [*headers, ("X-Next-Minor", "yes")])
        return [body]

    def _more(self, value: Any, outermost: bool = False) -> Any:
        if isinstance(value, dict):
            inner = {name: self._more(one) for name, one in value.items()}
            return inner | NEWS if outermost or self._deep else inner
        return [self._more(one) for one in value] if isinstance(value, list) else value
