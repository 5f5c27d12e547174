"""Questions and answers of the HTTP API: asked again where that is safe, and sent to the one server only."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError

import matcher
from matcher import network
from matcher.client.address import Address, checked_token, loopback
from matcher.client.failure import Failed, broken, broken_off, refused, strange
from matcher.client.form import Form
from matcher.client.patience import Patience
from matcher.errors import BadRequest, Busy

_CONNECT_SECONDS = 10.0
_CONNECTIONS = 8  # kept open for threads that ask at once
_CHUNK = 1 << 16
_NOTHING = 204


@dataclass(frozen=True)
class Question:
    """One request. path: below /api/v1, part by part. body: what is sent, piece by piece.

    repeatable: whether asking twice comes to the same as asking once, so that it may be asked again when nobody knows what
    became of the first time. patient: whether to ask again where the server has no room now.
    """

    method: str
    path: tuple[str, ...]
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Sequence[bytes] = ()
    content_type: str = ""
    repeatable: bool = False
    patient: bool = True


class Transport:
    """The way to one server. Safe to share between threads.

    settings: network.*. timeout: seconds that the server may be silent. insecure: whether a token may go through a network
    unencrypted. Raises BadRequest, BadSettings.
    """

    def __init__(
        self, url: str, token: str | None, settings: network.Network, *, timeout: float, patience: Patience, insecure: bool
    ) -> None:
        self._address = Address.of(url)
        if not timeout > 0:
            raise BadRequest(f"a timeout of {timeout} is none; give the seconds that the server may be silent")
        self._patience = patience
        self._timeout = urllib3.Timeout(connect=min(_CONNECT_SECONDS, timeout), read=timeout)
        self._headers = {"User-Agent": f"kuato/{matcher.__version__}", "Accept": "*/*"}
        proxy = network.proxy_of(settings, self._address.scheme, self._address.host)
        if token is not None:
            hops = (self._address.host, *((proxy.host,) if proxy else ()))
            if self._address.scheme == "http" and not insecure and not all(map(loopback, hops)):
                raise BadRequest(
                    f"{self._address.root}: the token would be readable on its way; use https, or insecure=True in a trusted network"
                )
            self._headers["Authorization"] = f"Bearer {checked_token(token)}"
        options: dict[str, Any] = {"maxsize": _CONNECTIONS, "timeout": self._timeout, "retries": False}
        if self._address.scheme == "https":
            options["ssl_context"] = network.tls(settings)
        self._pool = _pool(proxy, options)
        # What is never asked again gets a connection of its own: one that was kept may have been closed just now.
        self._fresh = _pool(proxy, options)

    @property
    def root(self) -> str:
        """The URL of the server."""
        return self._address.root

    @property
    def timeout(self) -> float:
        """Seconds that the server may be silent."""
        return float(self._timeout.read_timeout or 0)

    @property
    def patience(self) -> Patience:
        """How long a question goes on being asked again."""
        return self._patience

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._pool.clear()
        self._fresh.clear()

    def get(self, *path: str, query: Mapping[str, Any] | None = None) -> Any:
        """Return what is there, as JSON. Raises KuatoError."""
        return self.ask(Question("GET", path, query or {}, repeatable=True))

    def send(self, method: str, *path: str, value: Any = None, repeatable: bool = False) -> Any:
        """Send JSON, or with None nothing; return the answer. Raises KuatoError."""
        body, kind = ((), "") if value is None else ((json.dumps(value).encode(),), "application/json")
        return self.ask(Question(method, path, {}, body, kind, repeatable))

    def post(self, form: Form, *path: str, query: Mapping[str, Any] | None = None, repeatable: bool, patient: bool = True) -> Any:
        """Send files; return the answer. Raises KuatoError."""
        return self.ask(Question("POST", path, query or {}, form.parts, form.content_type, repeatable, patient))

    def ask(self, question: Question) -> Any:
        """Return the answer as JSON, None for an empty one. Raises KuatoError."""
        answer = self._answered(question, stream=False)
        if not answer.data:
            return None
        try:
            return json.loads(answer.data)
        except (ValueError, RecursionError):
            raise strange(self.root, f"status {answer.status} with something other than JSON") from None

    def stream(self, question: Question) -> Iterator[bytes]:
        """Yield the answer as it comes. Raises KuatoError, also when it breaks off."""
        with closing(self._answered(question, stream=True)) as answer:
            try:
                yield from answer.stream(_CHUNK)
            except (HTTPError, OSError) as error:
                raise broken(self.root, error).error from None

    def _answered(self, question: Question, stream: bool) -> urllib3.BaseHTTPResponse:
        clock = self._patience.clock
        began, tries = clock(), 0
        while True:
            tries += 1
            answer = self._once(question, stream)
            if not isinstance(answer, Failed):
                return answer
            again = answer.passing and (question.repeatable or answer.untouched)
            again = again and (question.patient or not isinstance(answer.error, Busy))
            pause = self._patience.pause(tries, answer.after, clock() - began) if again else None
            if pause is None:
                error = answer.error
                raise (type(error)(f"{error} (asked {tries} times)") if tries > 1 else error) from None
            self._patience.sleep(pause)

    def _once(self, question: Question, stream: bool) -> urllib3.BaseHTTPResponse | Failed:
        headers = self._headers if question.repeatable else {**self._headers, "Connection": "close"}
        if question.content_type:
            headers = {**headers, "Content-Type": question.content_type}
        if question.method != "GET":
            headers = {**headers, "Content-Length": str(sum(map(len, question.body)))}
        url = self._address.route(*question.path)
        query = [(name, each) for name, value in question.query.items() for each in _given(value)]
        try:
            answer = (self._pool if question.repeatable else self._fresh).request(
                question.method,
                f"{url}?{urlencode(query)}" if query else url,
                headers=headers,
                body=question.body or None,
                redirect=False,
                retries=False,
                preload_content=not stream,
                decode_content=False,
            )
            if 200 <= answer.status < 300:
                # Where there is nothing to tell, the status says so: anything else that is empty is the rest of an answer.
                return answer if stream or answer.data or answer.status == _NOTHING else broken_off(self.root)
            return refused(self.root, answer, answer.data)
        except (HTTPError, OSError) as error:
            return broken(self.root, error)


def _pool(proxy: network.Proxy | None, options: Mapping[str, Any]) -> urllib3.PoolManager:
    if proxy is None:
        return urllib3.PoolManager(1, **options)
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    headers = {"Proxy-Authorization": proxy.authorization} if proxy.authorization else {}
    return urllib3.ProxyManager(f"http://{host}:{proxy.port}", 1, proxy_headers=headers, **options)


def _given(value: Any) -> Sequence[str]:
    """Return the values of a parameter as a URL has them."""
    if value is None:
        return ()
    if isinstance(value, bool):
        return (str(value).lower(),)
    return [str(each) for each in value] if isinstance(value, list | tuple) else (str(value),)
