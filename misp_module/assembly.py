"""How the modules are put together from the settings."""

from collections.abc import Iterable

from matcher.engine import Matcher
from matcher.fingerprints.registry import available
from matcher.settings import Settings, config_dir
from misp_module.actions import actions
from misp_module.answering import Answering
from misp_module.company import Surroundings
from misp_module.connection import connect
from misp_module.correlation import ImageCorrelation, Limits, Remember
from misp_module.deadline import Desk
from misp_module.disclosure import Policy
from misp_module.exporting import ImageExport
from misp_module.fingerprints import FingerprintWriter
from misp_module.given import Fields, Ledger
from misp_module.importing import ImageImport
from misp_module.known import Exclude, Known, Pictures
from misp_module.lookup import ImageLookup
from misp_module.marking import Marks
from misp_module.memory import Adding, Memory
from misp_module.modules import Module, Patience
from misp_module.objects import ObjectWriter

# Where MISP waits 10 s instead of 5, so may we.
_FACTORS = {Patience.HOVER: 1, Patience.BUTTON: 2, Patience.FAMILY: 2}


def served(matcher: Matcher | Known, settings: Settings, hidden: Exclude | None = None, may_write: bool = True) -> Answering:
    """Return the modules on a matcher.

    hidden: says which pictures do not exist for whoever asks. may_write: whether anything may change on their behalf.
    """
    if not isinstance(matcher, Matcher):
        return answering(matcher, settings)
    pictures = Pictures(matcher, hidden) if hidden is not None else Pictures(matcher)
    remember = Memory(pictures).remember if settings["misp.remember"] and may_write else None
    return answering(pictures, settings, matcher.collection.store if hidden is None else None, remember, pictures if may_write else None)


def answering(
    known: Known, settings: Settings, store: Fields | None = None, remember: Remember | None = None, adding: Adding | None = None
) -> Answering:
    """Return the modules that answer MISP, at most as many queries at once as there are workers.

    store: where it is kept what was said; None: nowhere. remember: called with what was looked up. adding: for what is to be
    remembered on demand; None: nothing is, and nothing marked at MISP.
    """
    desks = {waiting: Desk(settings.workers(), settings["misp.deadline"] * factor) for waiting, factor in _FACTORS.items()}
    return Answering({module.name: module for module in modules(known, settings, store, remember, adding)}, desks)


def modules(known: Known, settings: Settings, store: Fields | None, remember: Remember | None, adding: Adding | None) -> Iterable[Module]:
    """Yield the modules."""
    policy = Policy(settings["misp.max_disclosure"])
    surroundings = Surroundings(known, policy, settings["misp.max_correlations"])
    limits = Limits(settings["misp.max_matches"], settings["picture.max_bytes"], settings["misp.count_hidden"], settings["misp.thumbnails"])
    ledger = Ledger(store) if store is not None else None
    correlation = ImageCorrelation(known, writer(settings, policy), policy, surroundings, limits, ledger, remember)
    yield correlation
    yield ImageLookup(known, correlation, policy, FingerprintWriter(config_dir() / "misp" / "objects", versions()), limits.max_matches)
    marks = None
    if settings["misp.url"] and store is not None:
        marks = Marks(lambda: connect(settings, settings["misp.deadline"]), store)
    allowed = settings["misp.actions"] if adding is not None else ()
    yield from actions(known, correlation, limits.max_bytes, allowed, adding, marks)
    yield ImageImport(correlation, limits.max_bytes)
    yield ImageExport(known, policy, surroundings, limits.max_bytes)


def writer(settings: Settings, policy: Policy) -> ObjectWriter:
    """Return what writes matches as objects."""
    templates = config_dir() / "misp" / "objects"
    return ObjectWriter(templates, settings["misp.link_base"], versions(), policy, settings["misp.ail_base"])


def versions() -> dict[str, int]:
    """Return the version of each algorithm."""
    return {name: algorithm.version for name, algorithm in available().items()}
