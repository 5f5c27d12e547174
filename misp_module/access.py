"""Who may ask. MISP sends no credentials, so the address is all there is to go by."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from matcher.errors import BadSettings

ANYONE = "anyone"
Address = IPv4Address | IPv6Address


class AllowList:
    """The addresses and networks of `misp.allow`; the word `anyone` admits all."""

    def __init__(self, entries: Iterable[str]) -> None:
        names = [entry.strip() for entry in entries if entry.strip()]
        self.anyone = ANYONE in names
        self._networks = [_network(name) for name in names if name != ANYONE]

    def admits(self, address: str) -> bool:
        """Whether the peer with this address may ask."""
        try:
            peer = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        peer = getattr(peer, "ipv4_mapped", None) or peer
        return self.anyone or any(peer in network for network in self._networks)

    def check(self, host: Address) -> None:
        """Raise BadSettings when other machines can reach `host` and the list does not say which of them may ask."""
        if host.is_loopback or self.anyone:
            return
        if any(network.prefixlen == 0 for network in self._networks):
            raise BadSettings(f"misp.allow admits every address; name MISP's own, or write `{ANYONE}` if you mean it.")
        if all(network.is_loopback for network in self._networks):
            raise BadSettings(f"misp.listen ({host}) is reachable from other machines, but misp.allow names none; add MISP's address.")


def _network(name: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(name)
    except ValueError:
        raise BadSettings(f"misp.allow has {name!r}; give IP addresses or networks, such as 192.0.2.7 or 192.0.2.0/24.") from None
