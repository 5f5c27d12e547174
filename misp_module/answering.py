"""From the bytes of a request to an answer that MISP can use, whatever the request is.

MISP takes any status but 200 for a server that is away, and an answer without `results` stops a whole event's enrichment:
whatever goes wrong with a query is an answer with `error` and `results`.
"""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from matcher.errors import BadPicture, BadRequest, BadSettings, Busy, FetchFailed, Late, NotFound, Refused, StoreUnavailable, Unauthorized
from misp_module.deadline import Desk
from misp_module.modules import Module, Patience, entry, patience
from misp_module.query import MAX_EVENT_PARTS, MAX_PARTS, parse, plain

HEAD = 4096
_NAMED = re.compile(rb'\s*\{\s*"module"\s*:\s*"([^"\\]{1,200})"')

_log = logging.getLogger(__name__)


class Answering:
    """The modules behind one door. desks: where they work, by how long MISP waits, so that what is quick waits for nothing slow."""

    def __init__(self, modules: Mapping[str, Module], desks: Mapping[Patience, Desk]) -> None:
        self._modules = modules
        self._desks = desks

    def entries(self) -> list[dict[str, Any]]:
        """Return what /modules tells of them."""
        return [entry(name) for name in self._modules]

    def has(self, name: str) -> bool:
        """Whether a module of this name is ours."""
        return name in self._modules

    def answer(self, read: Callable[[], bytes], head: bytes, length: int) -> dict[str, Any]:
        """Return the answer to a request. read: gives its bytes, and is called by the job, so that only as many are in memory as jobs run.

        head: how it begins; length: its bytes.
        """
        waiting = patience(module_of(head), head, length)
        most = MAX_EVENT_PARTS if waiting is Patience.FAMILY else MAX_PARTS
        try:
            return self._desks[waiting].run(lambda deadline: self._answer(read(), most, deadline))
        except (BadSettings, Unauthorized, FetchFailed) as error:
            # What is wrong with Kuato's own way to MISP is the operator's to know.
            _log.error("%s", error)
            return failed(f"Kuato could not do it at MISP ({error.code}); its log tells why.")
        except (BadPicture, BadRequest, NotFound, Busy, Late, Refused) as error:
            return failed(str(error))
        except StoreUnavailable:
            # The text may tell where the store is, which is the operator's to know.
            _log.exception("the store did not answer")
            return failed("Kuato's store is away; its operator can see why with `kuato doctor`.")
        except Exception:  # noqa: BLE001 - a bug must not look like a server that is away
            _log.exception("a query failed")
            return failed("Kuato could not answer; its log tells why.")

    def reply(self, body: bytes) -> dict[str, Any]:
        """Return the answer to a request that is in memory already."""
        return self.answer(lambda: body, body[:HEAD], len(body))

    def _answer(self, body: bytes, most: int, deadline: float) -> dict[str, Any]:
        asked = parse(body, most)
        name = asked.get("module")
        module = self._modules.get(name) if isinstance(name, str) else None
        if module is None:
            raise NotFound(f"There is no module {plain(name)} here; there is {', '.join(self._modules)}.")
        return module.answer(asked, deadline)


def module_of(head: bytes) -> str:
    """Return the module that a request is for, from its first bytes as MISP writes them, "" where they do not tell."""
    found = _NAMED.match(head)
    return found[1].decode("utf-8", "replace") if found else ""


def failed(text: str) -> dict[str, Any]:
    """Return an error in the form that harms no caller."""
    return {"error": text, "results": {}}
