"""Where pictures were seen: hosts, as attributes and sources name them."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from matcher.source import Source

_URLS, _NAMES = ("url", "uri"), ("domain", "hostname", "domain|ip", "hostname|port")
_SEEN_AT = ("url", "page")


def host(text: str) -> str:
    """Return the host of a URL, or of a name that stands alone, in lower case; "" where there is none."""
    try:
        found = urlsplit(text.strip() if "//" in text else f"//{text.strip()}").hostname or ""
    except ValueError:
        return ""
    return found.rstrip(".").lower() if not set(found) & set(" \\<>\"'") else ""


def hosts(attributes: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the hosts that the attributes of an object name."""
    found = dict[str, None]()
    for each in attributes:
        kind, value = each.get("type"), each.get("value")
        if isinstance(value, str) and kind in (*_URLS, *_NAMES):
            found[host(value if kind in _URLS else value.partition("|")[0])] = None
    return tuple(name for name in found if name)


def hosts_of(sources: Iterable[Source]) -> tuple[str, ...]:
    """Return the hosts on which a picture was seen, as its sources tell."""
    texts = [text for source in sources for text in addresses(source)]
    return tuple(name for name in dict.fromkeys(map(host, texts)) if name)


def addresses(source: Source) -> list[str]:
    """Return the addresses that a source tells of."""
    told = [source.id] if source.kind in _SEEN_AT and "." in source.id else []
    url = source.metadata.get("url")
    return told + ([url] if isinstance(url, str) else [])


def covered(name: str, domains: Iterable[str]) -> bool:
    """Whether a host is one of these domains, or below one."""
    return any(name == domain or name.endswith(f".{domain}") for domain in map(_bare, domains) if domain)


def _bare(domain: str) -> str:
    return domain.strip().lower().removeprefix("*.").strip(".")
