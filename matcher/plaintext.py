"""Text from strangers, as it may be shown."""


def printable(text: str, longest: int) -> str:
    """Return `text` cut to `longest` characters, with what could move a cursor or reverse a line written as an escape."""
    if len(text) > longest:
        text = text[: longest - 2] + ".."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() if not "\ud800" <= c <= "\udfff" else "?" for c in text)
