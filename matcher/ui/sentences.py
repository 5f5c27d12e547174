"""Answers and evidence in words that need no knowledge of the algorithms."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matcher.match import Decision
from matcher.ui.words import N_, Words

# What the algorithms of a family look at.
_FAMILIES = {
    "frequency": N_("Coarse structure"),
    "gradient": N_("Edges"),
    "mean": N_("Light and dark areas"),
    "colour": N_("Colours"),
    "bytes": N_("Bytes of the file"),
    "local": N_("Details at matching places"),
    "text": N_("Words that can be read"),
    "embedding": N_("What it shows"),
    "review": N_("A person"),
}
# Where one family has several, what tells them apart.
_ALGORITHMS = {
    "sha256": N_("The file itself"),
    "pdq-trimmed": N_("Coarse structure, without borders"),
    "tiles": N_("Structure, place by place"),
    "tiles-trimmed": N_("Structure, place by place, without borders"),
    "sub-pictures": N_("Pictures inside a page"),
}
_VIEWS = {
    "mirrored": N_("mirrored"),
    "negative": N_("as a negative"),
    "rotated 90": N_("turned by 90°"),
    "rotated 180": N_("turned by 180°"),
    "rotated 270": N_("turned by 270°"),
    "flipped": N_("upside down and mirrored"),
    "transposed": N_("turned and mirrored"),
    "antitransposed": N_("turned and mirrored"),
}
_NEGATIVE = "negative "
_NOTES = {
    "the same file, byte for byte": N_("the same file, byte for byte"),
    "a person said that it is the same picture": N_("a person said that it is the same picture"),
    "place by place too much is not the same, whatever hashes say: one template with other contents?": N_(
        "place by place too much is not the same: one template with other contents?"
    ),
    "one of the pictures is nearly empty, so others may look the same": N_(
        "one of the pictures is nearly empty, so others may look the same"
    ),
}


@dataclass(frozen=True)
class Said:
    """What one algorithm says. what: it looks at. text: a sentence. decision: as of the evidence.

    like, least: how like the two are by it, 0..1, and how like they must be for a YES; None where that means nothing.
    """

    what: str
    algorithm: str
    decision: str
    text: str
    like: float | None
    least: float | None


def headline(answer: Mapping[str, Any], words: Words) -> str:
    """Return the answer to a search in one sentence."""
    _ = words.gettext
    best = next(iter(answer["matches"]), None)
    if best is None:
        if answer["too_simple"]:
            return _("This picture is too simple to be compared; only its SHA-256 was looked up.")
        if answer["suppressed"]:
            return _("Only pictures that are to be ignored are like it.")
        return _("Nothing like this picture is known.")
    if best["decision"] == "MAYBE":
        return _("Something like it may be known; a person should look.")
    if any(one["algorithm"] == "sha256" for one in best["evidence"]):
        return _("This very file is known.")
    return _("This picture is known.") if best["relation"] == "same picture" else _("Part of this picture is known.")


def relation(match: Mapping[str, Any], words: Words) -> str:
    """Return how two pictures belong together."""
    if match["relation"] == "same picture":
        return words.gettext("the same picture")
    return words.gettext("shares content")


def said(evidence: Iterable[Mapping[str, Any]], words: Words) -> list[Said]:
    """Return all evidence in words, what speaks for it first."""
    ranked = sorted(evidence, key=lambda one: (("YES", "MAYBE", "NO").index(one["decision"]), one["distance"]))
    return [_said(one, words) for one in ranked]


def regions(evidence: Iterable[Mapping[str, Any]]) -> Sequence[Sequence[float]] | None:
    """Return what parts of the two pictures agree, by the algorithm that is surest of any."""
    ranked = sorted(evidence, key=lambda one: (("YES", "MAYBE", "NO").index(one["decision"]), one["alignment"] is None))
    for one in ranked:
        if one["alignment"]:
            return one["alignment"]["query_region"], one["alignment"]["known_region"]
        if one["places"]:
            return list(one["places"])
    return None


def _said(one: Mapping[str, Any], words: Words) -> Said:
    _ = words.gettext
    what = _(_ALGORITHMS.get(one["algorithm"]) or _FAMILIES.get(one["family"], one["family"]))
    sentences = []
    if one["alignment"]:
        found = one["alignment"]
        sentences.append(
            _("{count} details lie alike: {query} of this picture, {known} of the known one").format(
                count=found["inliers"], query=_percent(_area(found["query_region"])), known=_percent(_area(found["known_region"]))
            )
        )
    elif one["places"]:
        query, known = one["places"]
        sentences.append(
            _("{query} of this picture and {known} of the known one are {like} alike").format(
                query=_percent(_area(query)), known=_percent(_area(known)), like=_percent(1 - one["distance"])
            )
        )
    elif one["algorithm"] not in ("sha256", "review"):
        sentences.append(_("{like} alike").format(like=_percent(1 - one["distance"])))
    if one["view"] != "as is":
        sentences.append(_("this picture {view}").format(view=_view(one["view"], words)))
    if one["note"]:
        sentences.append(_(_NOTES.get(one["note"], one["note"])))
    judged = one["threshold"] is not None and one["algorithm"] not in ("sha256", "review")
    like, least = (1 - one["distance"], 1 - one["threshold"]) if judged else (None, None)
    return Said(what, one["algorithm"], Decision(one["decision"]).value, "; ".join(sentences), like, least)


def _view(view: str, words: Words) -> str:
    if view.startswith(_NEGATIVE):
        return f"{words.gettext(_VIEWS['negative'])}, {_view(view.removeprefix(_NEGATIVE), words)}"
    return words.gettext(_VIEWS.get(view, view))


def _area(region: Iterable[float]) -> float:
    left, top, right, bottom = region
    return max(0.0, right - left) * max(0.0, bottom - top)


def _percent(share: float) -> str:
    return f"{round(100 * share)} %"
