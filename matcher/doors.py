"""What installed packages offer to a running server: the doors in docs/architecture.md, where a broken one closes no other."""

import logging
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any, TypeVar

Kind = TypeVar("Kind")
_log = logging.getLogger(__name__)


def offered(group: str, kind: type[Kind]) -> list[Kind]:
    """Return what the packages offer in a group of entry points, by name; what cannot be loaded, or is of another kind, is logged."""
    found = []
    for name, each in loaded(group):
        if isinstance(each, kind):
            found.append(each)
        else:
            _log.error("%s %s is no %s", group, name, kind.__name__)
    return found


def loaded(group: str) -> Iterator[tuple[str, Any]]:
    """Yield what the packages offer in a group of entry points, with its name, by name; what cannot be loaded is logged."""
    for point in sorted(set(entry_points(group=group)), key=lambda point: point.name):
        try:
            yield point.name, point.load()
        except ModuleNotFoundError as error:  # an extra that is not installed, as a rule
            _log.warning("%s %s cannot be loaded from %s: %s is not installed", group, point.name, point.value, error.name)
        except Exception:  # noqa: BLE001 - a stranger's module may fail in any way
            _log.exception("%s %s cannot be loaded from %s", group, point.name, point.value)
