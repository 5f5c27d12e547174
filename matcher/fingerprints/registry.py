"""Finds fingerprints by their entry point, ours and a stranger's alike.

A package offers one by a line in its pyproject.toml, the name being the class's own:

    [project.entry-points."kuato.fingerprints"]
    edges = "my_package.edges:Edges"
"""

import logging
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from matcher.errors import BadSettings
from matcher.fingerprints.base import Fingerprint

GROUP = "kuato.fingerprints"

_log = logging.getLogger(__name__)


def load(names: Iterable[str] | None = None, settings: Mapping[str, Any] | None = None) -> dict[str, Fingerprint]:
    """Return the fingerprints of these names, in their order; without names the default set, by name.

    settings: as which they are to be made; None: as they are by themselves, which is enough for comparing fingerprints.
    Raises BadSettings for a name that nobody registered, that two packages claim, or whose class cannot be had.
    """
    if names is None:
        kinds = {name: kind for name, kind in available().items() if kind.default}
    else:
        offered = _offered()
        kinds = {name: _class(name, offered) for name in names}
    return {name: kind() if settings is None else kind.configured(settings) for name, kind in kinds.items()}


def settings_of(algorithms: Iterable[Fingerprint], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what these fingerprints read of the settings, as JSON can carry it."""
    read = {name for algorithm in algorithms for name in algorithm.settings if name in settings}
    return {name: str(settings[name]) if isinstance(settings[name], Path) else settings[name] for name in sorted(read)}


def available() -> dict[str, type[Fingerprint]]:
    """Return the class of every fingerprint that can be had, by name; one that cannot is logged and left out."""
    offered, found = _offered(), dict[str, type[Fingerprint]]()
    for name in sorted(offered):
        try:
            found[name] = _class(name, offered)
        except BadSettings as error:
            _log.warning("%s", error)
    return found


def _offered() -> dict[str, set[EntryPoint]]:
    """Return what is registered, by name; a distribution that is found twice on the path counts once."""
    offered: dict[str, set[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        offered.setdefault(point.name, set()).add(point)
    return offered


def _class(name: str, offered: dict[str, set[EntryPoint]]) -> type[Fingerprint]:
    points = sorted(offered.get(name, ()))
    if not points:
        raise BadSettings(f"no fingerprint is called {name!r}; there are {', '.join(sorted(offered)) or 'none'} (fingerprints.enabled)")
    if len(points) > 1:
        raise BadSettings(f"fingerprint {name!r} is claimed by {' and '.join(p.value for p in points)}; uninstall one of the packages")
    try:
        kind = points[0].load()
    except Exception as error:  # a stranger's module may fail in any way
        raise BadSettings(f"fingerprint {name!r} cannot be loaded from {points[0].value}: {type(error).__name__}: {error}") from error
    if not (isinstance(kind, type) and issubclass(kind, Fingerprint) and kind.name == name):
        raise BadSettings(f"fingerprint {name!r}: {points[0].value} is no Fingerprint of that name")
    return kind
