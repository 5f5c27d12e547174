"""From labelled pictures to the findings of a report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matcher.engine import Matcher
from matcher.errors import BadPicture, BadRequest, NotAPicture
from matcher.evaluation import Progress, Trial, fingerprinted, no_progress, trial
from matcher.labelled import Labelled
from matcher.report.clusters import held_against, proposed
from matcher.report.findings import Findings, shares
from matcher.report.mistakes import worst
from matcher.report.pairs import Pairs
from matcher.report.scaling import measure
from matcher.report.scores import Scorer
from matcher.settings import Settings
from matcher.truth import GroundTruth

THIS = "these settings"


@dataclass(frozen=True)
class Asked:
    """What a report is to tell. compare: name -> other settings. growth: whether to measure how time grows with the store."""

    compare: Mapping[str, Settings]
    growth: bool = True


def find(labelled: Labelled, settings: Settings, asked: Asked, progress: Progress = no_progress) -> Findings:
    """Evaluate the settings on labelled pictures, and others beside them.

    Raises BadRequest where the labels cannot tell right from wrong, NotAPicture when no picture can be decoded, BadSettings,
    StoreUnavailable.
    """
    truth = labelled.truth
    truth.check_pairs()
    every = [settings, *asked.compare.values()]
    known = fingerprinted(labelled.path_of, together(every), progress) if _alike(every) and len(every) > 1 else None
    tried = trial(labelled.path_of, settings, progress, known)
    _check(tried)
    compared = {THIS: side(tried, truth)} if asked.compare else {}
    for name, other in asked.compare.items():
        compared[name] = side(trial(labelled.path_of, other, progress, known), truth)
    return Findings(
        tried,
        truth,
        Pairs(tried, truth).spreads(progress),
        held_against(proposed(tried), truth),
        worst(tried, truth),
        measure(tried.queries, settings, progress) if asked.growth else None,
        compared,
    )


def side(tried: Trial, truth: GroundTruth) -> dict[str, Any]:
    """Return the figures of one trial that are set side by side with those of others."""
    scores = Scorer(truth).scores(tried.answers)["all"]
    answered = Pairs(tried, truth).answered()
    return {
        **scores,
        "uap": answered.average_precision(),
        "recall_at_90_precision": answered.recall_at(0.9)[0],
        **shares(tried, truth),
        "algorithms": ", ".join(tried.algorithms),
    }


def together(every: list[Settings]) -> Settings:
    """Return settings with all algorithms that any of these enables, so that one decoding serves them all."""
    names = dict[str, None]()
    for one in every:
        with Matcher.open(one) as matcher:
            names |= dict.fromkeys(matcher.algorithms)
    return every[0].with_overrides({"fingerprints.enabled": list(names)})


def _alike(every: list[Settings]) -> bool:
    """Whether all settings decode alike."""
    return len({tuple((name, str(one[name])) for name in one if name.startswith("picture.")) for one in every}) == 1


def _check(tried: Trial) -> None:
    refused = {name: query for name, query in tried.queries.items() if isinstance(query, BadPicture)}
    if len(refused) == len(tried.queries):
        name, error = next(iter(refused.items()), ("nothing", NotAPicture("there are no pictures")))
        raise NotAPicture(f"none of the {len(refused)} pictures can be decoded; {name}: {error}")


def located(images: Path) -> Path:
    """Return the ground truth of a folder of pictures where none is named: within it, beside it, or its subfolders. Raises BadRequest."""
    for path in (images / "ground_truth.json", images.parent / "ground_truth.json"):
        if path.is_file():
            return path
    if any(path.is_dir() for path in images.iterdir()):
        return images
    raise BadRequest(
        f"a report needs to know what belongs together: there is no ground_truth.json in or beside {images}; name one (--ground-truth)"
    )
