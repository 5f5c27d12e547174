"""Banks of a server: the named collections of pictures."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from matcher.client.details import listed
from matcher.client.transport import Transport

if TYPE_CHECKING:
    from matcher.shapes import Bank


class Banks:
    """The banks that this client's token may see."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> "list[Bank]":
        """Return the banks, by name."""
        found: list[Bank] = self._transport.get("banks")["banks"]
        return found

    def get(self, name: str) -> "Bank":
        """Return a bank. Raises NotFound."""
        found: Bank = self._transport.get("banks", name)
        return found

    def create(
        self,
        name: str,
        kind: str = "observed",
        *,
        tags: Iterable[str] = (),
        domains: Iterable[str] = (),
        thresholds: Mapping[str, float] | None = None,
        sensitive: bool = False,
        note: str = "",
        keep_days: int | None = None,
    ) -> "Bank":
        """Create a bank. Raises Conflict when there is one of that name, which may be the work of a first try that was not answered."""
        wanted = {
            "name": name,
            "kind": kind,
            "tags": listed(tags),
            "domains": listed(domains),
            "thresholds": dict(thresholds or {}),
            "sensitive": sensitive,
            "note": note,
            "keep_days": keep_days,
        }
        found: Bank = self._transport.send("POST", "banks", value=wanted)
        return found

    def update(self, name: str, /, **changes: Any) -> "Bank":
        """Change a bank: the fields of `create` by name, `name` for a new one; what is not given stays. Raises NotFound, Conflict."""
        sent = {field: listed(value) if field in ("tags", "domains") else value for field, value in changes.items()}
        found: Bank = self._transport.send("PATCH", "banks", name, value=sent)
        return found

    def delete(self, name: str) -> None:
        """Delete a bank; its pictures stay, without it. Raises NotFound."""
        self._transport.send("DELETE", "banks", name)
