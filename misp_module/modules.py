"""What a misp-modules module is, and the entry that tells MISP about it."""

from typing import Any, Protocol

from misp_module.stock.kuato_module import MODULES


class Module(Protocol):
    """One module: MISP asks for it by name, which is one of the table of the stock server's module file."""

    name: str

    def answer(self, request: dict[str, Any], deadline: float) -> dict[str, Any]:
        """Return the answer to a parsed request, always with `results`; raises KuatoError.

        deadline: when nobody waits for it any more, by time.monotonic().
        """


def entry(name: str) -> dict[str, Any]:
    """Return the entry of a module in /modules: the same that a stock server makes of the module file."""
    about = MODULES[name]
    return {"name": name, "type": about["type"], "mispattributes": about["mispattributes"], "meta": about["meta"]}


def quick(name: str) -> bool:
    """Whether MISP waits for the module as it waits on hover, and not longer."""
    return bool(MODULES[name]["type"] == "expansion")
