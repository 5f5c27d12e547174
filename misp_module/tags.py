"""The tags that Kuato gives, in MISP and elsewhere: of the taxonomy `image-match`, and of those that fit beside it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matcher.match import Decision
from matcher.settings import config_dir

NAMESPACE = "image-match"
UNSUPERVISED = 'misp:automation-level="unsupervised"'
TODO = 'workflow:todo="review"'

_COLOURS = {UNSUPERVISED: "#0088cc", TODO: "#850048"}


def tag(predicate: str, value: str) -> str:
    """Return a machine tag of our taxonomy; the value's spaces become hyphens."""
    return f'{NAMESPACE}:{predicate}="{value.lower().replace(" ", "-")}"'


def of_match(decision: Decision, verdict: str = "") -> Iterator[str]:
    """Yield the tags of a match that a machine found."""
    yield tag("decision", decision.value)
    if verdict:
        yield tag("verdict", verdict)
    yield UNSUPERVISED
    if decision is Decision.MAYBE:
        yield TODO


def of_taxonomy(taxonomy: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the entries of a taxonomy as misp-taxonomies writes it, by tag."""
    return {
        f'{taxonomy["namespace"]}:{group["predicate"]}="{entry["value"]}"': entry
        for group in taxonomy["values"]
        for entry in group["entry"]
    }


def taxonomy() -> dict[str, Any]:
    """Return our taxonomy, as misp-taxonomies writes them."""
    found: dict[str, Any] = json.loads(file().read_text("utf-8"))
    return found


def file() -> Path:
    """Return where our taxonomy is kept."""
    return config_dir() / "misp" / "taxonomies" / NAMESPACE / "machinetag.json"


def colours() -> dict[str, str]:
    """Return the colour of each tag that we give."""
    return _COLOURS | {name: entry["colour"] for name, entry in of_taxonomy(taxonomy()).items()}
