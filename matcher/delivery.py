"""Events of MISP that one package makes and another brings to a server, without their knowing each other.

A package offers to bring them by a line in its pyproject.toml; the class is called with the settings and the store:

    [project.entry-points."kuato.deliveries"]
    misp = "misp_module.delivery:MispDelivery"
"""

from collections.abc import Mapping
from typing import Any, Protocol

from matcher.doors import loaded
from matcher.errors import BadSettings
from matcher.settings import Settings
from matcher.store import Store

GROUP = "kuato.deliveries"


class Delivery(Protocol):
    """What an entry point of `kuato.deliveries` makes of settings and store; that raises BadSettings where they are not enough."""

    def deliver(self, event: Mapping[str, Any]) -> str:
        """See to it that a server has an event, {"Event": {"uuid": .., ..}}, once, however often this is called with it.

        Return where people can look at it. Raises KuatoError; the event may be there by then, or a part of it.
        """


def delivery(settings: Settings, store: Store) -> Delivery:
    """Return what brings events to a server, as the settings say. Raises BadSettings."""
    for _, make in loaded(GROUP):
        made: Delivery = make(settings, store)
        return made
    raise BadSettings("nothing that is installed can post events to a MISP server; pip install 'kuato[misp]'")
