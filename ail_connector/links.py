"""Where a person can look at what AIL knows of a picture."""

from urllib.parse import urlencode

from ail_connector.places import OBJECT
from matcher.settings import Settings
from matcher.source import Source


def link(source: Source, settings: Settings) -> str:
    """Return the address of the page on an object, "" where there is none (ail.link_base, or misp.ail_base)."""
    base = (settings["ail.link_base"] or settings["misp.ail_base"]).rstrip("/")
    kind, _, rest = source.id.partition(":")
    subtype, _, name = rest.partition(":")
    if source.kind != OBJECT or not base or not kind or not name:
        return ""
    return f"{base}/correlation/show?{urlencode({'type': kind, 'subtype': subtype, 'id': name})}"
