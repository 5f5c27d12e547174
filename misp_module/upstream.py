"""A stock misp-modules server behind our endpoint: MISP has one address for all modules of a family."""

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError, ReadTimeoutError

from matcher.errors import BadSettings, Busy, Late
from misp_module.answering import failed
from misp_module.deadline import Desk

# MISP waits 1 s for /modules, which it asks for with nearly every page.
_FIRST_SECONDS = 0.6
_FRESH_SECONDS = 30.0
_LIST_SECONDS = 5.0
_AT_ONCE = 16
_LARGEST_LIST = 16 << 20

_log = logging.getLogger(__name__)


class Upstream:
    """The server at `url`. seconds: how long a query may take. No proxy of the environment is asked.

    Raises BadSettings for what is no address.
    """

    def __init__(self, url: str, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        try:
            parts = urlsplit(url)
            bad = parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or (parts.port == 0)
        except ValueError:
            bad = True
        if bad:
            raise BadSettings(f"misp.upstream is {url!r}, which is no address of a misp-modules server; write http://127.0.0.1:6666")
        self._url = url.rstrip("/")
        self._seconds = seconds
        self._clock = clock
        self._http = PoolManager(maxsize=_AT_ONCE, retries=False)
        self._desk = Desk(_AT_ONCE, seconds)
        self._lock = threading.Lock()
        self._known: list[dict[str, Any]] = []
        self._asked = float("-inf")
        self._first = threading.Event()
        self._refresh()

    def modules(self) -> list[dict[str, Any]]:
        """Return its modules as it listed them last, at once; the list is brought up to date behind the scenes."""
        if self._clock() - self._asked > _FRESH_SECONDS:
            self._refresh()
        self._first.wait(_FIRST_SECONDS)
        return self._known

    def query(self, read: Callable[[], bytes]) -> bytes:
        """Return its answer to a request as it is, or an error as MISP wants it. read: gives the request."""
        try:
            return self._desk.run(lambda _deadline: self._query(read()))
        except (Busy, Late, ReadTimeoutError):
            return self._fault(f"did not answer within {self._seconds:g} s (misp.upstream_seconds)")
        except HTTPError as error:
            _log.warning("%s: %s", self._url, error)
            return self._fault("does not answer")

    def _query(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        timeout = Timeout(connect=2, read=self._seconds)
        answer = self._http.request("POST", f"{self._url}/query", body=body, headers=headers, timeout=timeout)
        return answer.data if answer.status == 200 else self._fault(f"answers {answer.status}")

    def _fault(self, what: str) -> bytes:
        return json.dumps(failed(f"The misp-modules server behind Kuato {what} (misp.upstream).")).encode()

    def _refresh(self) -> None:
        with self._lock:
            if self._clock() - self._asked <= _FRESH_SECONDS:
                return
            self._asked = self._clock()
        threading.Thread(target=self._list, name="misp-upstream", daemon=True).start()

    def _list(self) -> None:
        try:
            answer = self._http.request("GET", f"{self._url}/modules", timeout=Timeout(_LIST_SECONDS), preload_content=False)
            text = answer.read(_LARGEST_LIST)
            answer.close()
            found = json.loads(text)
            if answer.status != 200 or not isinstance(found, list):
                raise ValueError(f"status {answer.status}")
            self._known = [each for each in found if isinstance(each, dict) and isinstance(each.get("name"), str)]
        except (HTTPError, ValueError, RecursionError) as error:
            # What it had is still told: its modules are to be there again when it is.
            _log.warning("the modules of %s cannot be listed: %s", self._url, error)
        finally:
            self._first.set()
