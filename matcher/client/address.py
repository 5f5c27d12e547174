"""Where a Kuato server is, and what may be sent there."""

import string
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from matcher.errors import BadRequest

_TOKEN = frozenset(string.ascii_letters + string.digits + "-._~+/=")  # as RFC 6750 has it
_API = "/api/v1"


@dataclass(frozen=True)
class Address:
    """scheme: http or https. root: the URL of the server with its prefix, without a slash at the end."""

    scheme: str
    host: str
    root: str

    @classmethod
    def of(cls, url: str) -> "Address":
        """Return the address in a URL such as https://kuato.example/prefix. Raises BadRequest."""
        try:
            parts = urlsplit(url.strip())
            host, port = parts.hostname, parts.port
        except ValueError:
            raise BadRequest(
                "this is no URL of a server; write https://kuato.example, with the path under which Kuato is published"
            ) from None
        if parts.scheme not in ("http", "https") or not host:
            raise BadRequest(f"{_shown(url)!r} is no URL of a server; write https://kuato.example")
        if "@" in parts.netloc:
            raise BadRequest("the URL of the server holds a user or a password; give a token of `kuato token create` as token instead")
        if parts.query or parts.fragment:
            raise BadRequest(f"{_shown(url)!r} has a query or a fragment; give the URL of the server alone")
        name = f"[{host}]" if ":" in host else host
        path = quote(parts.path.rstrip("/").removesuffix(_API).rstrip("/"), safe="/%~")
        return cls(parts.scheme, host, f"{parts.scheme}://{name}{'' if port is None else f':{port}'}{path}")

    def route(self, *path: str) -> str:
        """Return the URL of a route below /api/v1; a part of the path may hold any text."""
        # Dots, too: what is called ".." must not become another address on its way.
        return self.root + _API + "".join("/" + quote(part, safe="").replace(".", "%2E") for part in path)


def loopback(host: str) -> bool:
    """Whether what is sent to a host stays on this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def checked_token(token: str) -> str:
    """Return a token without the white space around it. Raises BadRequest, which does not repeat it."""
    token = token.strip()
    if not token or not _TOKEN.issuperset(token):
        raise BadRequest("this is no token: it is empty, or has characters that no token has; give it as `kuato token create` printed it")
    return token


def _shown(url: str) -> str:
    """Return a URL as an error may repeat it: without what may be secret."""
    return url.partition("?")[0].rpartition("@")[2][:200]
