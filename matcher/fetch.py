"""Files from the web, for those who may only have what is public: no URL leads into the operator's own network.

A hop, and every redirect is one: take the URL apart (matcher/addresses.py) -> hold its host against fetch.allow -> resolve
the name, once -> refuse unless every address is public -> connect to one of these addresses, by digits, and to nothing else.
The name goes into Host and SNI, and the certificate is checked against it.
"""

import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any, cast

from matcher import network
from matcher.addresses import AllowList, Location, parse, public
from matcher.errors import FetchFailed, FetchRefused, Late, TooLarge
from matcher.network import Proxy
from matcher.settings import Settings

Resolve = Callable[[str], Sequence[str]]
Connect = Callable[[str, int, float], socket.socket]

_REDIRECTS = (301, 302, 303, 307, 308)
_TRIED = 4  # addresses of one host
_HEADERS = 64 << 10
_BLOCK = 64 << 10
_REQUEST = (
    "User-Agent: Mozilla/5.0 (compatible; Kuato)\r\n"
    "Accept: image/*, text/html;q=0.9, */*;q=0.5\r\n"
    "Accept-Encoding: identity\r\n"
    "Connection: close\r\n"
)


@dataclass(frozen=True)
class Fetched:
    """data: the file. url: where it was in the end, after redirects. content_type: what the server calls it, without parameters."""

    data: bytes
    url: str
    content_type: str


def resolve(host: str) -> list[str]:
    """Return the addresses of a name, as digits. Raises OSError."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def connect(address: str, port: int, timeout: float) -> socket.socket:
    """Return a connection to an address in digits, which leave nothing to be looked up. Raises OSError."""
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.settimeout(timeout)
        made.connect((address, port))
    except BaseException:
        made.close()
        raise
    return made


class Fetcher:
    """Fetches what fetch.* and network.* allow. Keeps nothing between two calls; safe to share between threads.

    resolve: name -> addresses, connect: address, port, seconds -> connected socket: the only two ways out of here.
    Raises BadSettings.
    """

    def __init__(
        self, settings: Settings, resolve: Resolve = resolve, connect: Connect = connect, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._resolve = resolve
        self._connect = connect
        self._clock = clock
        self._allowed = AllowList(settings["fetch.allow"])
        self._tls = network.tls(settings)
        if settings["network.proxy"]:
            network.proxy_of(settings, "https", "")

    @property
    def enabled(self) -> bool:
        """Whether any host may be asked."""
        return bool(self._allowed)

    def fetch(self, url: str) -> Fetched:
        """Return the file at a URL.

        Raises FetchRefused for what may not be asked, FetchFailed, TooLarge (picture.max_bytes), Late (fetch.max_seconds).
        """
        if not self._allowed:
            raise FetchRefused("fetching by URL is off; the operator names the hosts that may be asked (fetch.allow)")
        deadline = _Deadline(self._settings["fetch.max_seconds"], self._clock)
        location, most = parse(url), self._settings["fetch.max_redirects"]
        for _ in range(most + 1):
            self._allowed.check(location)
            answer = self._asked(location, deadline)
            if isinstance(answer, Fetched):
                return answer
            location = answer
        raise FetchFailed(f"{_shown(url)} leads on more than {most} times (fetch.max_redirects)")

    def _asked(self, location: Location, deadline: "_Deadline") -> Fetched | Location:
        addresses = self._checked_addresses(location, deadline)
        proxy = network.proxy_of(self._settings, location.scheme, location.host)
        with _failures(location, deadline):
            if proxy is None:
                return self._direct(location, self._connected(addresses, location.port, deadline), deadline)
            return self._through(proxy, location, addresses[0], deadline)

    def _direct(self, location: Location, line: socket.socket, deadline: "_Deadline") -> Fetched | Location:
        """Ask over a connection to the host, which is closed afterwards."""
        with closing(line):
            if location.scheme == "http":
                return self._answer(location, line, location.path, "", deadline)
            line.settimeout(deadline.left())
            with closing(self._tls.wrap_socket(line, server_hostname=location.host)) as secured:
                return self._answer(location, secured, location.path, "", deadline)

    def _through(self, proxy: Proxy, location: Location, address: str, deadline: "_Deadline") -> Fetched | Location:
        """Ask by way of a proxy, which is told the address, never the name: it would look that up by itself."""
        target = f"[{address}]:{location.port}" if ":" in address else f"{address}:{location.port}"
        authorization = f"Proxy-Authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
        line = self._to(proxy, deadline)
        try:
            _send(line, f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}\r\n", deadline)
            status = _head(line, "CONNECT", deadline)[1].status
        except BaseException:
            line.close()
            raise
        if 200 <= status < 300:
            return self._direct(location, line, deadline)
        line.close()
        if location.scheme == "https" or status == 407:
            raise FetchFailed(f"the proxy {proxy.host} answers {status} when asked for {location.host} (network.proxy)")
        # Many proxies make tunnels to port 443 alone. Asked this way they may replace the Host header, so it is the second choice.
        with closing(self._to(proxy, deadline)) as line:
            return self._answer(location, line, f"http://{target}{location.path}", authorization, deadline)

    def _to(self, proxy: Proxy, deadline: "_Deadline") -> socket.socket:
        return self._connected(self._resolved(proxy.host, deadline), proxy.port, deadline)

    def _checked_addresses(self, location: Location, deadline: "_Deadline") -> list[str]:
        """Return the addresses of a host, all of them public. Raises FetchRefused, FetchFailed, Late."""
        addresses = [location.host] if location.is_address else self._resolved(location.host, deadline)
        # Not which: nobody learns from here what the names of the operator's network stand for.
        if not all(public(address) for address in addresses):
            raise FetchRefused(f"{location.host} leads to an address that is not public; only those are fetched from")
        return addresses

    def _resolved(self, host: str, deadline: "_Deadline") -> list[str]:
        """Return the addresses of a name, looked up once, in a thread of its own: the library's look-up cannot be told when to end."""
        found: Future[Sequence[str]] = Future()

        def look_up() -> None:
            try:
                found.set_result(self._resolve(host))
            except BaseException as error:  # noqa: BLE001 - raised below, where somebody waits for it
                found.set_exception(error)

        threading.Thread(target=look_up, name="resolve", daemon=True).start()
        try:
            addresses = list(found.result(deadline.left()))
        except FutureTimeout:
            raise deadline.late() from None
        except (OSError, UnicodeError):
            addresses = []
        if not addresses:
            raise FetchFailed(f"the name {host} is not known; check how it is written")
        return addresses

    def _connected(self, addresses: Sequence[str], port: int, deadline: "_Deadline") -> socket.socket:
        """Return a connection to the first address that takes one. Raises OSError, Late."""
        tried = addresses[:_TRIED]
        for place, address in enumerate(tried, 1):
            try:
                return self._connect(address, port, deadline.left() / (len(tried) - place + 1))
            except OSError:
                if place == len(tried):
                    raise
        raise FetchFailed("there is no address to connect to")

    def _answer(self, location: Location, line: socket.socket, target: str, more: str, deadline: "_Deadline") -> Fetched | Location:
        """Ask for `target`; return the file, or where a redirect leads. more: further header lines."""
        _send(line, f"GET {target} HTTP/1.1\r\nHost: {location.authority}\r\n{_REQUEST}{more}\r\n", deadline)
        received, response = _head(line, "GET", deadline)
        with closing(received):
            if response.status in _REDIRECTS:
                if not (further := _utf_8(response.headers.get("Location", "").strip())):
                    raise FetchFailed(f"{_shown(str(location))} answers {response.status}, but does not say where to go on")
                return location.join(further)
            if response.status not in (200, 203):
                raise FetchFailed(f"{_shown(str(location))} answers {response.status}; there is no file to be had")
            coded = [response.headers.get(name, "").strip().lower() for name in ("Content-Encoding", "Transfer-Encoding")]
            if coded[0] not in ("", "identity") or coded[1] not in ("", "chunked"):
                raise FetchFailed(f"{_shown(str(location))} comes compressed, though that was not asked for; such answers are not read")
            return Fetched(self._body(location, response), str(location), _media_type(response))

    def _body(self, location: Location, response: HTTPResponse) -> bytes:
        most, body = self._settings["picture.max_bytes"], bytearray()
        if response.length is None or response.length <= most:
            while len(body) <= most and (block := response.read(min(_BLOCK, most + 1 - len(body)))):
                body += block
        if len(body) > most or (response.length or 0) > most:
            raise TooLarge(f"{_shown(str(location))} has more than {most / 1e6:.1f} MB, the limit (picture.max_bytes)")
        if response.length:
            raise FetchFailed(f"{_shown(str(location))} was cut off: {response.length:,} bytes are missing; try again")
        return bytes(body)


class _Deadline:
    """One moment for a whole fetch: no number of slow steps adds up to more."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Return the seconds left. Raises Late."""
        left = self._end - self._clock()
        if left <= 0:
            raise self.late()
        return left

    def late(self) -> Late:
        return Late(f"fetching took longer than {self._seconds:g} s (fetch.max_seconds)")


class _Received(io.RawIOBase):
    """What comes over a connection, until the deadline. While `left` is no None, so many bytes at most: a head has an end."""

    def __init__(self, line: socket.socket, deadline: _Deadline) -> None:
        self._line = line
        self._deadline = deadline
        self.left: int | None = _HEADERS

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._line.settimeout(self._deadline.left())
        count = self._line.recv_into(buffer)
        if self.left is not None:
            self.left -= count
            if self.left < 0:
                raise FetchFailed("the server sends headers without end")
        return count

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the same as a file: how HTTPResponse asks a socket."""
        return io.BufferedReader(self)


def _send(line: socket.socket, text: str, deadline: _Deadline) -> None:
    line.settimeout(deadline.left())
    line.sendall(text.encode("ascii"))


def _head(line: socket.socket, method: str, deadline: _Deadline) -> tuple[_Received, HTTPResponse]:
    """Return a response whose head was read. Raises HTTPException, OSError, FetchFailed, Late."""
    received = _Received(line, deadline)
    response = HTTPResponse(cast(socket.socket, received), method=method)
    response.begin()
    received.left = None
    return received, response


@contextmanager
def _failures(location: Location, deadline: _Deadline) -> Iterator[None]:
    """Turn what a connection may run into into our own errors."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise FetchFailed(f"{location.host} shows a certificate that is not trusted: {error.verify_message} (network.ca_file)") from error
    except TimeoutError as error:
        deadline.left()
        raise FetchFailed(f"{location.host} cannot be reached: no answer on port {location.port}") from error
    except OSError as error:
        raise FetchFailed(f"{location.host} cannot be reached: {error.strerror or type(error).__name__}") from error
    except (HTTPException, ValueError) as error:
        raise FetchFailed(f"{location.host} gives no proper answer: {type(error).__name__}") from error


def _media_type(response: HTTPResponse) -> str:
    named = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return named if named.isascii() and named.isprintable() and len(named) <= 100 else ""


def _utf_8(header: str) -> str:
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def _shown(url: str) -> str:
    return url if len(url) <= 100 else f"{url[:97]}..."
