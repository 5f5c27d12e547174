"""`kuato calibrate`: bounds for the algorithms from labelled pictures."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from matcher.commands import rulesfile, tables
from matcher.commands.inputs import as_text
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.errors import BadRequest

if TYPE_CHECKING:
    from matcher.calibration.calibrate import Calibration

SHARE = click.FloatRange(0, 1)


@click.command()
@click.argument("images", metavar="IMAGES", type=click.Path())
@click.argument("ground_truth", metavar="GROUND_TRUTH", type=click.Path())
@click.option("--false-positive-rate", metavar="R", type=SHARE, help="Of the pairs that are different, at most this share may get a YES.")
@click.option("--true-negative-rate", metavar="R", type=SHARE, help="In place of it: at least this share gets none.")
@click.option("--false-negative-rate", metavar="R", type=SHARE, help="Of the pairs that belong together, at most this share may get a NO.")
@click.option("--true-positive-rate", metavar="R", type=SHARE, help="In place of it: at least this share gets a YES or a MAYBE.")
@click.option("--reviews", metavar="FILE", type=click.Path(), help="Pairs that a person confirmed or rejected, one JSON document a line.")
@click.option("--out", metavar="FILE", type=click.Path(), help="Where the rules go; without it they are only shown.")
@click.option("--report", metavar="DIR", type=click.Path(), help="Folder for all figures, as JSON and as pictures.")
@click.option("--folds", metavar="N", type=click.IntRange(2, 100), default=3, show_default=True, help="Parts for the check on the others.")
@click.option(
    "--hold-out", metavar="R", type=click.FloatRange(0, 1, True, True), help="Check on this share of the clusters in place of parts."
)
@click.option(
    "--most-pairs",
    metavar="N",
    type=click.IntRange(10),
    default=50_000,
    show_default=True,
    help="Different pairs compared; all up to so many.",
)
@click.option("--seed", metavar="N", type=click.IntRange(0), default=1, show_default=True, help="Of all that is drawn.")
@json_option
@pass_invocation
def calibrate(
    invocation: Invocation,
    images: str,
    ground_truth: str,
    false_positive_rate: float | None,
    true_negative_rate: float | None,
    false_negative_rate: float | None,
    true_positive_rate: float | None,
    reviews: str | None,
    out: str | None,
    report: str | None,
    folds: int,
    hold_out: float | None,
    most_pairs: int,
    seed: int,
    as_json: bool,
) -> None:
    """Find what is a YES and what a MAYBE, from a folder of pictures and a ground truth of which belong together.

    GROUND_TRUTH is a JSON file, ours or VisJS-Classificator's, or a folder with a subfolder for each cluster; IMAGES itself can be
    that. All pairs of pictures are compared with every algorithm that is enabled (fingerprints.enabled); the bounds are chosen so
    that the decision of the rule in force keeps to both rates, and are checked on pictures they were not made from. Twenty to a
    hundred pictures are enough to begin with. Nothing is remembered; needs no Redis.
    """
    from matcher.calibration import reviews as reviewing
    from matcher.calibration.calibrate import Plan
    from matcher.calibration.calibrate import calibrate as run
    from matcher.calibration.shapes import as_json as shaped
    from matcher.calibration.thresholds import Targets
    from matcher.labelled import read

    targets = Targets.of(false_positive_rate, true_negative_rate, false_negative_rate, true_positive_rate)
    rulesfile.check(out)
    if report is not None:
        if not Path(report).absolute().parent.is_dir():
            raise BadRequest(f"{as_text(report)} cannot be written; name one in a folder that exists (--report)")
        from matcher.report.plots import available

        available()
    labelled = read(Path(images), Path(ground_truth))
    reviewed = reviewing.read(Path(reviews)) if reviews is not None else []
    plan = Plan(folds=folds, hold_out=hold_out, seed=seed, most=most_pairs)
    done_of: dict[str, int] = {}
    with tables.progress("reading pictures, comparing pairs", None) as advance:

        def step(name: str, done: int, _total: int) -> None:
            done_of[name] = done
            advance(sum(done_of.values()))

        found = run(Path(images), labelled, targets, invocation.settings, reviewed, plan, step)
    document = shaped(found)
    if out is not None:
        rulesfile.write(_rules(found, invocation), out)
    if report is not None:
        _write_report(found, Path(report), json.dumps(document, indent=1) + "\n")
    for warning in [*found.refused, *found.warnings]:
        tables.complain(f"warning: {warning}")
    if as_json:
        tables.emit(document)
        return
    _show(found)
    if out is not None:
        rulesfile.tell(out)


def _rules(found: "Calibration", invocation: Invocation) -> str:
    from matcher.calibration.shapes import head, notes
    from matcher.calibration.writing import rewritten
    from matcher.settings import config_dir

    base = invocation.settings["decision.rules"] or config_dir() / "decision.toml"
    return rewritten(base.read_text(encoding="utf-8"), found.bounds, notes(found), head(found))


def _write_report(found: "Calibration", folder: Path, document: str) -> None:
    from matcher.calibration.charts import draw

    try:
        folder.mkdir(exist_ok=True)
        (folder / "calibration.json").write_text(document, encoding="utf-8")
        draw(found, folder)
    except OSError as error:
        raise BadRequest(f"{as_text(str(folder))} cannot be written: {error.strerror} (--report)") from error


def _show(found: "Calibration") -> None:
    from matcher.calibration.fit import FUSED

    rows = []
    for name, (yes, maybe) in found.bounds.items():
        alone = found.found.alone[name]
        rows.append((name, f"{yes:.3f}", f"{maybe:.3f}", f"{alone.yes:.3f}", f"{alone.maybe:.3f}", f"{alone.best_f1:.2f}"))
    tables.show(tables.table(("algorithm", "yes", "maybe", "alone: yes", "maybe", "best F1"), rows))
    columns = ("the rule on", "pairs", "wrong YES", "wrong NO", "MAYBE of different ones")
    checks = []
    for title, outcomes in (("the pairs used", found.on_used), ("pictures not used", found.on_unseen)):
        if FUSED in outcomes:
            one = outcomes[FUSED]
            pairs = str(one.false_positive.rate.pairs + one.false_negative.rate.pairs)
            checks.append((title, pairs, str(one.false_positive), str(one.false_negative), str(one.review)))
    tables.show(tables.table(columns, checks, fold=columns))
