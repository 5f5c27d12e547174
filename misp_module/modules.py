"""What a misp-modules module is, and the entry that tells MISP about it."""

from typing import Any, Protocol


class Module(Protocol):
    """One module: MISP asks for it by name."""

    name: str

    def introspection(self) -> dict[str, Any]:
        """Return the types it takes and gives, and the format of its answers."""

    def version(self) -> dict[str, Any]:
        """Return the description, as the structure test of misp-modules wants it."""

    def answer(self, request: dict[str, Any], deadline: float) -> dict[str, Any]:
        """Return the answer to a parsed request, always with `results`; raises KuatoError.

        deadline: when nobody waits for it any more, by time.monotonic().
        """


def entry(module: Module) -> dict[str, Any]:
    """Return the module's entry in /modules."""
    return {"name": module.name, "type": "expansion", "mispattributes": module.introspection(), "meta": module.version()}
