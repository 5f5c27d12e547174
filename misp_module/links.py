"""Where a person can look at what MISP knows of a picture."""

from matcher.settings import Settings
from matcher.source import Source
from misp_module.found import KIND


def link(source: Source, settings: Settings) -> str:
    """Return the address of the page on an attribute, "" where there is none (misp.link_base)."""
    base = settings["misp.link_base"].rstrip("/")
    plain = source.id.replace("-", "").isalnum()
    return f"{base}/attributes/view/{source.id.lower()}" if source.kind == KIND and base and plain else ""
