"""What is done at a MISP server on behalf of a workflow: local tags, and sightings, each once."""

import json
from collections.abc import Callable
from typing import Any

from pymisp import PyMISP
from pymisp.exceptions import PyMISPError
from requests.exceptions import RequestException

from matcher.errors import FetchFailed
from misp_module.given import KIND, Fields

SOURCE = "kuato"
# ARGV: field. Answers 1 where it was not there.
_CLAIM = "return redis.call('HSETNX', KEYS[1], ARGV[1], '1')"
_RELEASE = "return redis.call('HDEL', KEYS[1], ARGV[1])"


class Marks:
    """Marks attributes at the server that `connect` gives when one is needed first. store: remembers what was sighted."""

    def __init__(self, connect: Callable[[], PyMISP], store: Fields) -> None:
        self._connect = connect
        self._store = store

    def tag(self, uuid: str, name: str) -> None:
        """Give an attribute a local tag; it may have it already. Raises FetchFailed."""
        self._ask(f"the tag {name} on attribute {uuid}", lambda misp: misp.tag(uuid, name, local=True))

    def sight(self, known: str, attribute: str) -> bool:
        """Add a sighting to a known attribute for another one, once; return whether it was added now. Raises FetchFailed."""
        key, field = self._store.key(KIND, b"sighted:" + known.encode()), attribute.encode()
        # Claimed first: a sighting whose answer was lost is rather missing than there twice.
        if not self._store.run(_CLAIM, key, field):
            return False
        try:
            self._ask(f"a sighting of attribute {known}", lambda misp: misp.add_sighting({"type": "0", "source": SOURCE}, known))
        except Declined:
            self._store.run(_RELEASE, key, field)
            raise
        return True

    def _ask(self, what: str, ask: Callable[[PyMISP], Any]) -> None:
        try:
            answer = ask(self._connect())
        except (PyMISPError, RequestException) as error:
            raise FetchFailed(f"MISP did not take {what}: {type(error).__name__}") from error
        if isinstance(answer, dict) and answer.get("errors"):
            raise Declined(f"MISP does not take {what}: {reason(answer)}")


class Declined(FetchFailed):
    """MISP said no."""


def reason(answer: Any) -> str:
    """Return in one line why MISP refused something, as PyMISP hands it over."""
    status, body = (
        answer["errors"] if isinstance(answer["errors"], (list, tuple)) and len(answer["errors"]) == 2 else ("", answer["errors"])
    )
    text = body.get("message") or body.get("errors") or body if isinstance(body, dict) else body
    return " ".join(f"{status} {text if isinstance(text, str) else json.dumps(text, default=str)}".split())[:300]
