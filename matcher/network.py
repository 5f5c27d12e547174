"""How connections to other servers are made: whom TLS trusts, what it shows, and through which proxy (network.*)."""

import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from matcher.errors import BadSettings

Network = Mapping[str, Any]  # the settings network.*


@dataclass(frozen=True)
class Proxy:
    """host, port: where it listens. authorization: value of the Proxy-Authorization header, empty for none."""

    host: str
    port: int
    authorization: str = ""


def tls(settings: Network) -> ssl.SSLContext:
    """Return what outgoing TLS connections trust and show: certificates are checked, against the host's name too.

    Raises BadSettings for files that cannot be used.
    """
    ca_file, certificate, key = (settings[f"network.{name}"] for name in ("ca_file", "certificate", "key"))
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise BadSettings(f"network.ca_file: {ca_file} cannot be used: {_reason(error)}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if key and not certificate:
        raise BadSettings("network.key is given, but not network.certificate; give both, or a certificate with its key in one file")
    if certificate:
        try:
            # The password is asked for on the terminal otherwise, where nobody may be.
            context.load_cert_chain(certificate, key, password=_no_password)
        except OSError as error:
            raise BadSettings(f"network.certificate: {certificate} cannot be used: {_reason(error)}") from None
    return context


def proxy_of(settings: Network, scheme: str, host: str) -> Proxy | None:
    """Return the proxy for a URL of this scheme and host, None for a direct connection. Raises BadSettings."""
    if settings["network.proxy"]:
        return _proxy(settings["network.proxy"], "network.proxy")
    if not settings["network.environment"]:
        return None
    proxies = getproxies_environment()
    url = proxies.get(scheme) or proxies.get("all")
    if not url or proxy_bypass(host, proxies):
        return None
    return _proxy(url if "//" in url else f"http://{url}", f"{scheme.upper()}_PROXY")


def _proxy(url: str, origin: str) -> Proxy:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 80
    except ValueError:
        host, port, parts = None, 0, urlsplit("")
    if parts.scheme.lower() != "http" or not host:
        raise BadSettings(f"{origin}: this is no proxy that can be used; write http://proxy.example:3128")
    user = unquote(parts.username or ""), unquote(parts.password or "")
    return Proxy(host, port, f"Basic {b64encode(':'.join(user).encode()).decode()}" if any(user) else "")


def _no_password() -> str:
    raise BadSettings("network.key: the key is encrypted; give one without a password, readable by this user alone")


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
