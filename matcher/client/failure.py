"""What went wrong between client and server, as one of our errors."""

import json
import re
import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import IncompleteRead
from time import time
from urllib.parse import urlsplit

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InvalidChunkLength,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
)

from matcher.errors import (
    Busy,
    FetchFailed,
    KuatoError,
    Late,
    Refused,
    RequestTooLarge,
    ServerUnavailable,
    StoreFull,
    StoreMismatch,
    TooManyRequests,
    Unauthorized,
)
from matcher.plaintext import printable

_PASSING = (429, 502, 503, 504)
# Nothing that a moment would change.
_LASTING = frozenset(kind.code for kind in (FetchFailed, Late, StoreFull, StoreMismatch))
# The server says so before it begins anything.
_UNTOUCHED = frozenset(kind.code for kind in (TooManyRequests, Busy))
# What others than Kuato, such as a reverse proxy before it, mean by a status.
_OF_OTHERS: dict[int, type[KuatoError]] = {401: Unauthorized, 403: Refused, 413: RequestTooLarge, 429: TooManyRequests}
_LONGEST = 2000


@dataclass(frozen=True)
class Failed:
    """Why a question has no answer. passing: asking again may help. untouched: the server has surely done nothing of it.

    after: seconds that it wants waited, None where it did not say.
    """

    error: KuatoError
    passing: bool = False
    untouched: bool = False
    after: float | None = None


def errors_by_code() -> dict[str, type[KuatoError]]:
    """Return every error there is, by its code."""
    found: dict[str, type[KuatoError]] = {}
    waiting = [KuatoError]
    while waiting:
        kind = waiting.pop()
        found.setdefault(kind.code, kind)
        waiting += kind.__subclasses__()
    return found


def refused(root: str, answer: BaseHTTPResponse, body: bytes) -> Failed:
    """Return what an answer other than 2xx says."""
    status, after = answer.status, _seconds(answer.headers.get("Retry-After"))
    known = _failure(body)
    if known is not None:
        code, message = known
        error = errors_by_code().get(code, KuatoError)(message)
        return Failed(error, status in _PASSING and code not in _LASTING, code in _UNTOUCHED, after)
    if 300 <= status < 400:
        target = printable(urlsplit(answer.headers.get("Location", "")).netloc.rpartition("@")[2], 200)
        to = f" to {target}" if target else ""
        return Failed(
            ServerUnavailable(f"{root} leads on{to} (status {status}), which is not followed; give the URL that Kuato itself has")
        )
    if status in _OF_OTHERS:
        text = f"{root} answered with status {status}, and not as Kuato does: a proxy before it may not let this pass"
        return Failed(_OF_OTHERS[status](text), status in _PASSING, after=after)
    text = f"{root} answered with status {status}, and not as Kuato does; check the URL, and the path under which Kuato is published"
    return Failed(ServerUnavailable(text), status in _PASSING, after=after)


def broken(root: str, error: Exception) -> Failed:
    """Return what a connection that failed, or an answer that did not arrive, means."""
    inner = _innermost(error)
    if isinstance(error, ProxyError) or "Tunnel connection failed" in str(inner):
        passing = not re.search(r"\b40[137]\b", str(inner))
        return Failed(_away(root, f"cannot be reached through the proxy: {_reason(inner)}"), passing, untouched=True)
    if isinstance(inner, ssl.SSLError):
        return _no_tls(root, inner)
    if isinstance(error, NameResolutionError):
        return Failed(_away(root, "cannot be reached: its name cannot be resolved"), passing=True, untouched=True)
    if isinstance(error, ConnectTimeoutError | NewConnectionError):
        return Failed(_away(root, f"cannot be connected to: {_reason(inner)}"), passing=True, untouched=True)
    if isinstance(error, ReadTimeoutError):
        return Failed(_away(root, "did not answer in time (see timeout)"), passing=True)
    if isinstance(inner, IncompleteRead | InvalidChunkLength) or "ended prematurely" in str(inner):
        return broken_off(root)
    hint = "" if root.startswith("https") else "; should its URL begin with https?"
    return Failed(_away(root, f"ended the connection without an answer: {_reason(inner)}{hint}"), passing=True)


def broken_off(root: str) -> Failed:
    """Return what the beginning of an answer means, of which the rest did not come."""
    return Failed(_away(root, "broke off in the middle of its answer"), passing=True)


def _no_tls(root: str, error: ssl.SSLError) -> Failed:
    why = printable((error.reason or str(error)).replace("_", " ").lower(), 200)
    if isinstance(error, ssl.SSLCertVerificationError):
        why = printable(error.verify_message or why, 300)
        return Failed(_away(root, f"shows a certificate that is refused: {why} (see ca_file)"), untouched=True)
    if "certificate required" in why:
        return Failed(_away(root, "wants a client's certificate; give certificate and key"))
    if "alert" in why:
        return Failed(_away(root, f"refuses the TLS connection, perhaps for the client's certificate (see certificate and key): {why}"))
    if "wrong version number" in why or "record layer" in why:
        return Failed(_away(root, f"does not speak TLS; should its URL begin with http? ({why})"), untouched=True)
    return Failed(_away(root, f"ended the TLS connection: {why}"), passing=True)


def _away(root: str, what: str) -> ServerUnavailable:
    return ServerUnavailable(f"{root} {what}")


def strange(root: str, what: str) -> ServerUnavailable:
    """Return the error for an answer that no Kuato server gives."""
    return ServerUnavailable(f"{root} does not answer as Kuato does: {what}; check the URL, and the path under which Kuato is published")


def _failure(body: bytes) -> tuple[str, str] | None:
    """Return code and message of Kuato's form of an error, None for any other."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("code"), str) or not isinstance(found.get("message"), str):
        return None
    return found["code"], printable(found["message"], _LONGEST)


def _seconds(text: str | None) -> float | None:
    """Return the seconds of a Retry-After, which may be a date; None where there is none that makes sense."""
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time())
    except (ValueError, TypeError, OverflowError):
        return None


def _innermost(error: BaseException) -> BaseException:
    """Return the cause at the bottom of urllib3's wrappings."""
    for _ in range(8):
        inner = next((part for part in error.args if isinstance(part, BaseException)), None)
        inner = inner or (error.__cause__ if isinstance(error, HTTPError) else None)
        if inner is None:
            break
        error = inner
    return error


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError | ConnectTimeoutError):
        return "no answer in time"
    return printable((isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__, 200)
