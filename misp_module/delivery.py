"""Bringing whole events to the server that the settings name: each once, by its UUID, whatever is killed in between."""

from collections.abc import Mapping
from typing import Any

from matcher.errors import Refused
from matcher.settings import Settings
from matcher.store import Store
from misp_module.budget import Budget, Spent
from misp_module.remote import Remote, Row
from misp_module.syncstate import SyncState


class MispDelivery:
    """Posts events as the user of misp.key; each counts as one write of misp.max_writes_day. Raises BadSettings."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._url = Remote(settings).url

    def deliver(self, event: Mapping[str, Any]) -> str:
        """Add an event, or what is missing of it where one with its UUID is there; return its address.

        Raises Unauthorized, Refused, FetchFailed.
        """
        # A new connection each time: hours may lie in between, and threads.
        remote = Remote(self._settings)
        try:
            Budget(SyncState(self._store, self._url), self._settings).spend()
        except Spent as spent:
            raise Refused(f"{spent}; the event waits for tomorrow") from None
        row = event["Event"]
        if not remote.put_event(event):
            _complete(remote, row)
        return f"{self._url}/events/view/{row['uuid']}"


def _complete(remote: Remote, event: Row) -> None:
    """Add what an event has not yet, of which MISP may have died halfway. Objects that are in other events stay there alone."""
    names = {str(one["name"]) for one in event["Object"]}
    there = {str(one.get("uuid")) for name in names for one in remote.objects_in(str(event["uuid"]), name)}
    for one in event["Object"]:
        if one["uuid"] not in there:
            remote.put_object(str(event["uuid"]), one)
