"""Which URLs may be asked for, and which network addresses may be connected to: the two lists that fetching obeys.

A URL is taken apart here, strictly, and put together again from what was understood; nothing else of it is ever used. So
no two readers can understand it differently: what is checked is what is asked.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import quote, urljoin

from matcher.errors import BadSettings, FetchRefused

PORTS = {"http": 80, "https": 443}
LONGEST = 8192
_URL = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?", re.IGNORECASE | re.ASCII)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
# Names that never mean a public host, whatever a resolver says (RFC 2606, 6761, 6762, 7686, 8375, 9476; ICANN on .internal).
_PRIVATE_NAMES = ("alt", "arpa", "corp", "home", "internal", "invalid", "lan", "local", "localdomain", "localhost", "mail", "onion", "test")
_SAFE = "%/:=&?~+!$,;'@()*[]|"

_REFUSED_4 = [
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by a provider's customers; some clouds' metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's host, reached from its guests only
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]
_GLOBAL_6 = IPv6Network("2000::/3")
_REFUSED_6 = [
    IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address inside
        "2620:4f:8000::/48",
        "3ffe::/16",
        "3fff::/20",
    )
]
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)


def public(address: str) -> bool:
    """Whether `address` (digits, as a resolver gives them) is one public host's on the internet.

    Not those of private, local, shared, reserved or documentation networks, many hosts at once, or tunnels that carry
    an IPv4 address inside; of NAT64's only those whose IPv4 address is public.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return _public_4(found) if isinstance(found, IPv4Address) else _public_6(found)


def _public_4(address: IPv4Address) -> bool:
    return address.is_global and not any(address in block for block in _REFUSED_4)


def _public_6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    if address in _NAT64:
        return _public_4(IPv4Address(int(address) & 0xFFFFFFFF))
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return False
    return address.is_global and address in _GLOBAL_6 and not any(address in block for block in _REFUSED_6)


@dataclass(frozen=True)
class Location:
    """A URL that was understood.

    scheme: http or https. host: a name in ASCII and lower case without its last dot, or an IP address in its canonical
    form. port: 1 to 65535. path: with the query, encoded, beginning with a slash.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address, which nobody has to look up."""
        return ":" in self.host or self.host.replace(".", "").isdigit()

    @property
    def authority(self) -> str:
        """Host and port as a Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    def join(self, reference: str) -> "Location":
        """Return where a redirect from here leads. Raises FetchRefused."""
        _check_characters(reference)
        if _URL.fullmatch(reference):
            return parse(reference)  # not joined: a library's idea of what it meant may be another
        try:
            return parse(urljoin(str(self), reference))
        except ValueError:
            raise _refused(reference, "is no address") from None


def parse(url: str) -> Location:
    """Return the URL taken apart. Raises FetchRefused for what is not plainly http or https to one host."""
    _check_characters(url)
    found = _URL.fullmatch(url)
    if not found:
        raise _refused(url, "does not begin with http:// or https://, and no other scheme is fetched")
    scheme, authority = found[1].lower(), found[2]
    if "@" in authority:
        raise _refused(url, "has a user name or password, which are never sent")
    parts = _AUTHORITY.fullmatch(authority)
    if not parts:
        raise _refused(url, "names no host that could be understood")
    port = int(parts[2]) if parts[2] else PORTS[scheme]
    if not 1 <= port <= 65535:
        raise _refused(url, "has a port that cannot be")
    host = host_of(parts[1])
    if host is None:
        raise _refused(url, "names no host that could be understood; write names in ASCII (xn--..), IP addresses in their usual form")
    path = quote(found[3] or "/", safe=_SAFE) + (quote(found[4], safe=_SAFE) if found[4] else "")
    return Location(scheme, host, port, path)


def host_of(text: str) -> str | None:
    """Return a host, as a URL writes it, in the one form that is compared, resolved and asked; None where it can be none."""
    if text.startswith("["):
        try:
            return str(IPv6Address(text[1:-1]))
        except ValueError:
            return None
    try:
        name = _ascii(text.lower()).removesuffix(".")
    except UnicodeError:
        return None
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    if _NUMBER.fullmatch(labels[-1]):
        # 127.1, 0x7f000001, 2130706433, 0177.0.0.1: read as an address by some, as a name by others.
        try:
            return str(IPv4Address(name))
        except ValueError:
            return None
    return name


def _ascii(name: str) -> str:
    """Return an international name as DNS has it; raises UnicodeError for one that would come back otherwise (ⓔ, １２７, ß)."""
    if name.isascii():
        return name
    if len(name) > 253:
        raise UnicodeError(name)
    encoded = name.encode("idna").decode("ascii")
    if encoded.encode("ascii").decode("idna") != name:
        raise UnicodeError(name)
    return encoded


def _check_characters(url: str) -> None:
    if len(url) > LONGEST:
        raise FetchRefused(f"an address of {len(url):,} characters is not fetched; the limit is {LONGEST:,}")
    if "\\" in url or any(c.isspace() or not c.isprintable() for c in url):
        raise _refused(url, "has blanks, backslashes or characters that cannot be seen")


def _refused(url: str, why: str) -> FetchRefused:
    # Not what stands before an @: it may be a password.
    shown = re.sub(r"//[^/?#]*@", "//***@", url)[:100]
    return FetchRefused(f"{shown!r} {why}")


class AllowList:
    """The hosts that may be asked (fetch.allow).

    entries: "name.example" (it alone), "*.name.example" (all below it, not itself), an IP address, or "*" (all). Each
    means the ports 80 and 443, or, written "host:port", that port alone. Raises BadSettings for what is none of these.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._rules = [_rule(entry) for entry in entries]

    def __bool__(self) -> bool:
        return bool(self._rules)

    def check(self, location: Location) -> None:
        """Raise FetchRefused unless the location may be asked, as far as its name tells."""
        if not self._rules:
            raise FetchRefused("fetching by URL is off; the operator names the hosts that may be asked (fetch.allow)")
        if location.is_address:
            if not public(location.host):
                raise FetchRefused(f"{location.host} is no public address; only those are fetched from")
        elif "." not in location.host or location.host.rpartition(".")[2] in _PRIVATE_NAMES:
            raise FetchRefused(f"{location.host} is not the name of a public host; only those are fetched from")
        if not any(_covers(host, location) for host, _ in self._rules):
            raise FetchRefused(f"{location.host} is not among the hosts that may be asked (fetch.allow)")
        if not any(_covers(host, location) and location.port in ports for host, ports in self._rules):
            raise FetchRefused(f"port {location.port} of {location.host} may not be asked; fetch.allow would have to name host:port")


def _rule(entry: str) -> tuple[str, tuple[int, ...]]:
    parts = _AUTHORITY.fullmatch(entry)
    port = int(parts[2]) if parts and parts[2] else None
    name = parts[1] if parts else ""
    host = "*" if name == "*" else host_of(name.removeprefix("*."))
    if host is None or port == 0 or (port or 0) > 65535 or (name.startswith("*.") and Location("http", host, 80, "/").is_address):
        raise BadSettings(
            f"fetch.allow: {entry!r} names no hosts; write example.org, *.example.org, example.org:8080, an IP address, or * for all"
        )
    return (f".{host}" if name.startswith("*.") else host), (port,) if port else tuple(PORTS.values())


def _covers(rule: str, location: Location) -> bool:
    if rule.startswith("."):
        return not location.is_address and location.host.endswith(rule)
    return rule in ("*", location.host)
