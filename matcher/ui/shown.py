"""Texts from outside as they are shown: in any script, without reaching beyond their place."""

from markupsafe import Markup, escape

from matcher.plaintext import printable

_LONGEST = 4200


def bdi(text: object) -> Markup:
    """Return a text from outside, escaped, its writing direction its own matter, invisible characters made visible."""
    return Markup("<bdi>{}</bdi>").format(escape(printable(str(text), _LONGEST)))


def short(sha256: str) -> Markup:
    """Return the beginning of a SHA-256, with the whole of it where the pointer rests."""
    return Markup('<code class="sha" title="{}">{}</code>').format(sha256, sha256[:12])
