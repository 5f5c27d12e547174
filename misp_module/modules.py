"""What a misp-modules module is, and the entry that tells MISP about it."""

from enum import Enum
from typing import Any, Protocol

from misp_module.stock.kuato_module import MODULES, WITHOUT_FILE, begun_by_workflow


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


class Patience(Enum):
    """How long MISP waits: 5 s on hover and for a workflow's enrichment, 10 s for a button, for a bulk, and for all other families."""

    HOVER = 1
    BUTTON = 2
    FAMILY = 3


def patience(name: str, head: bytes, length: int) -> Patience:
    """Return how long MISP waits for an answer. name: of the module; head: how the request begins; length: its bytes.

    Without the file of the attribute a request is short, and MISP hovers; workflows begin with who runs them.
    """
    if name in MODULES and MODULES[name]["type"] != "expansion":
        return Patience.FAMILY
    return Patience.BUTTON if length > WITHOUT_FILE and not begun_by_workflow(head) else Patience.HOVER
