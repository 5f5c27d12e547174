"""The digest of an hour or a day, posted to an address of the operator's."""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import urllib3
from urllib3.util import Timeout, parse_url

from ail_connector.digest import Digest, Row
from matcher.network import proxy_of, tls
from matcher.settings import Settings
from matcher.shapes import moment
from matcher.store import Store

PERIODS = {"hour": 3600, "day": 86400}
_KIND = b"e"  # as the caps, see daily.py: under "posted", up to when (seconds since the epoch)
_SECONDS = 10.0

_log = logging.getLogger(__name__)


class Webhook:
    """Posts what `ail.webhook_every` and `ail.webhook_banks` say. page: object -> address of AIL's page on it."""

    def __init__(
        self, store: Store, settings: Settings, page: Callable[[str], str] = lambda gid: "", clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._settings = settings
        self._page = page
        self._clock = clock
        self._digest = Digest(store, clock)
        self._url = settings["ail.webhook"]
        self._banks = frozenset(settings["ail.webhook_banks"])
        self._period = PERIODS[settings["ail.webhook_every"]]

    def care(self) -> bool:
        """Post what was not posted of the periods that are over; return whether something was. What fails is tried again."""
        if not self._url:
            return False
        key, until = self._store.key(_KIND, b"posted"), int(self._clock()) // self._period * self._period
        before = self._store.read([key])[0]
        if before is None:
            self._store.write(key, str(until).encode())
            return False
        # Whoever claims the period posts it; several consumers look at the same time.
        if int(before) >= until or not self._store.replace(key, before, str(until).encode()):
            return False
        document = document_of(self._wanted(self._digest.rows(int(before), until)), int(before), until, self._page)
        if not document["rows"]:
            return False
        try:
            self._post(document)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            _log.warning("ail.webhook: %s; the digest is posted later", error)
            self._store.replace(key, str(until).encode(), before)
            return False
        return True

    def _wanted(self, rows: list[Row]) -> list[Row]:
        return [row for row in rows if not self._banks or row.bank in self._banks]

    def _post(self, document: dict[str, Any]) -> None:
        parts, context = parse_url(self._url), tls(self._settings)
        proxy = proxy_of(self._settings, parts.scheme or "https", parts.host or "")
        if proxy:
            headers = {"Proxy-Authorization": proxy.authorization} if proxy.authorization else {}
            pool: urllib3.PoolManager = urllib3.ProxyManager(
                f"http://{proxy.host}:{proxy.port}", proxy_headers=headers, ssl_context=context
            )
        else:
            pool = urllib3.PoolManager(ssl_context=context)
        body = json.dumps(document).encode()
        with pool:
            answer = pool.request(
                "POST",
                self._url,
                body=body,
                headers={"Content-Type": "application/json"},
                timeout=Timeout(_SECONDS),
                retries=False,
                redirect=False,
            )
        if answer.status >= 300:
            raise urllib3.exceptions.HTTPError(f"the answer is {answer.status}")


def document_of(rows: list[Row], since: float, until: float, page: Callable[[str], str]) -> dict[str, Any]:
    """Return a digest as JSON."""
    return {
        "from": moment(since),
        "until": moment(until),
        "rows": [
            {
                "outcome": row.outcome,
                "decision": row.decision,
                "bank": row.bank,
                "count": row.count,
                "example": row.example,
                "page": page(row.example),
            }
            for row in rows
        ],
    }
