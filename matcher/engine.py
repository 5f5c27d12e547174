"""The matcher: what the command line, MISP and AIL hold in their hands."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from matcher import accounts, shapes, tokens
from matcher.catalogue import BankBook
from matcher.clustering import Clustering
from matcher.collection import Added, Collection
from matcher.decision import Rules
from matcher.errors import BadRequest, NotFound
from matcher.evidence import gather
from matcher.expert import ExpertSearch, Question
from matcher.extraction import AS_IS, Fingerprints
from matcher.fingerprints import registry
from matcher.fingerprints.words import Words
from matcher.forecast import Forecast
from matcher.likeness import LONGEST, Likeness
from matcher.match import Answer, Decision, Evidence, Relation
from matcher.placing import Placing
from matcher.pool import WorkerPool
from matcher.records import Record
from matcher.search import Scope, Search, thresholds_of
from matcher.sensitivity import Sensitivity
from matcher.sentry import Sentry
from matcher.settings import Settings
from matcher.source import Source
from matcher.storage import store_of
from matcher.store import Store
from matcher.tally import Tally
from matcher.textsearch import TextSearch
from matcher.thumbnails import Thumbnails
from matcher.verdicts import Verdicts

_LOOKED_AT = 20_000
_AT_ONCE = 100
# Candidates whose local features are compared for a picture that is added: twice as many tie no more pictures (297 of dev).
_PLACED_BY = 6


@dataclass(frozen=True)
class Comparison:
    """What two pictures have to do with each other. too_simple: nothing to compare by but the bytes."""

    decision: Decision
    relation: Relation
    distance: float
    evidence: tuple[Evidence, ...]
    too_simple: bool = False


@dataclass(frozen=True)
class Wanted:
    """Which known pictures are asked for; what is None does not matter.

    source: "kind" or "kind:id". since, until: when added, in seconds since the epoch.
    """

    tag: str | None = None
    bank: str | None = None
    source: str | None = None
    since: float | None = None
    until: float | None = None

    def admits(self, record: Record) -> bool:
        """Whether a picture is one of them."""
        if self.source is not None:
            kind, _, id = self.source.partition(":")
            if not any(seen.kind == kind and id in ("", seen.id) for seen in record.sources):
                return False
        return (
            (self.tag is None or self.tag in record.tags)
            and (self.bank is None or self.bank in record.banks)
            and (self.since is None or record.added >= self.since)
            and (self.until is None or record.added < self.until)
        )


@dataclass(frozen=True)
class Page:
    """Some of many pictures. next: what to ask the following page with, None at the end."""

    records: tuple[Record, ...]
    next: int | None


class Matcher:
    """A collection of known pictures, and the workers that turn bytes into fingerprints.

    Safe to share between threads. Workers and Redis are started on first use; close() ends the workers, the embedded
    Redis goes on for other processes.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.algorithms = registry.load(settings["fingerprints.enabled"] or None, settings)
        self.rules = Rules.load(settings["decision.rules"] or None)
        self.pool = WorkerPool.of(settings, self.algorithms)
        sensitivity = Sensitivity(settings["sensitive.tags"])
        self.collection = Collection(
            store, self.algorithms, settings["add.lease_seconds"], sensitivity=sensitivity, thumbnails=Thumbnails.of(store, settings)
        )
        self._likeness = Likeness(self.collection, self.algorithms, settings)
        verified, budget = settings["search.candidates"], settings["search.probe_budget"]
        overlaid = settings["search.overlay_clusters"]
        self._search = Search(self.collection, self.algorithms, self.rules, verified, probe_budget=budget, overlay_clusters=overlaid)
        self._expert = ExpertSearch(self.collection, self.algorithms, self.rules)
        self.clustering = Clustering(self.collection, settings["cluster.max_size"])
        most = settings["quarantine.clusters"], settings["quarantine.pictures"]
        sentry = Sentry(self.collection, self.algorithms, self.rules, *most)
        # A copy of the whole picture is among the first candidates; the others would find what shares content with it.
        nearest = Search(self.collection, self.algorithms, self.rules, min(_PLACED_BY, verified))
        self.placing = Placing(self.collection, nearest, sentry, self.clustering)
        self.tally = Tally(store)

    @classmethod
    def open(cls, settings: Settings) -> "Matcher":
        """Return a matcher on the store that the settings name. Raises BadSettings."""
        return cls(settings, store_of(settings))

    @property
    def banks(self) -> BankBook:
        """The banks: list, get, create, rename, update, delete."""
        return self.collection.banks

    def add(
        self,
        data: bytes,
        *,
        sources: Sequence[Source] = (),
        tags: Iterable[str] = (),
        banks: Iterable[str] = (),
        name: str = "picture",
        waiting: float | None = None,
    ) -> Added:
        """Remember a picture; one that is known gains the sources, tags and banks.

        name: what an error calls it. waiting: seconds to wait for a free worker at most, None for as long as it takes.
        Raises BadPicture, NotFound for an unknown bank, BadRequest for a tag or source that cannot be, StoreUnavailable, Busy.
        """
        bank_ids, tags = self.bank_ids(banks), checked_tags(tags)
        check_sources(sources)
        found = self.fingerprint(data, name=name, waiting=waiting)
        added = self.collection.add(found, sources, self.all_tags(found, tags, bank_ids), bank_ids)
        placed = added.record.placed or not self.settings["cluster.automatic"]
        record = added.record if placed else self.placing.place(added.record, found)
        return Added(self.collection.clustered([record])[0], added.new)

    def fingerprint(self, data: bytes, *, name: str = "picture", waiting: float | None = None) -> Fingerprints:
        """Return what is needed of a picture that is to be added. Raises BadPicture, Busy."""
        turned = self.settings["cluster.automatic"] and self.settings["cluster.turned"]
        return self.pool.fingerprint(data, query=turned, name=name, waiting=waiting)

    def all_tags(self, found: Fingerprints, tags: Iterable[str], bank_ids: Sequence[int]) -> tuple[str, ...]:
        """Return the tags of a picture that is to be added: those that it is given, and what its fingerprints tell of it."""
        tags = tuple(tags)
        seen = checked_tags(tag for key, value in found.values.items() for tag in self.algorithms[key].tags(value))
        # What a model says is to be seen is not told of a sensitive picture.
        told = () if not seen or self.collection.will_be_sensitive(found.sha256, tags, bank_ids) else seen
        return tuple(dict.fromkeys((*tags, *told)))

    def place(self, record: Record) -> Record:
        """Tie a known picture to those that its stored fingerprints say it is the same as; return it as it is then."""
        return self.placing.place(record, self.as_query(record))

    def search(
        self,
        data: bytes,
        *,
        limit: int = 10,
        banks: Iterable[str] | None = None,
        exclude: Callable[[Record], bool] | None = None,
        name: str = "picture",
        waiting: float | None = None,
    ) -> Answer:
        """Return which known pictures this one may be. It is not remembered. Raises BadPicture, NotFound, StoreUnavailable, Busy."""
        scope = self._scope(limit, banks, exclude)
        return self._answer(self.pool.fingerprint(data, query=True, name=name, waiting=waiting), scope)

    def search_fingerprints(
        self, query: Fingerprints, *, limit: int = 10, banks: Iterable[str] | None = None, exclude: Callable[[Record], bool] | None = None
    ) -> Answer:
        """Return which known pictures have such fingerprints; the pixels can stay where they are."""
        return self._answer(query, self._scope(limit, banks, exclude))

    def search_sha256(
        self, sha256: str, *, limit: int = 10, banks: Iterable[str] | None = None, exclude: Callable[[Record], bool] | None = None
    ) -> Answer:
        """Return which other known pictures a known one may be, by its stored fingerprints. Raises NotFound, StoreUnavailable."""
        return self._answer(*self._known(sha256, limit, banks, exclude))

    def search_by(
        self,
        question: Question,
        data: bytes,
        *,
        limit: int = 10,
        banks: Iterable[str] | None = None,
        exclude: Callable[[Record], bool] | None = None,
        name: str = "picture",
        waiting: float | None = None,
    ) -> Answer:
        """Return which known pictures one algorithm finds near this one. Raises what `search` does, and BadRequest."""
        scope, wanted = self._scope(limit, banks, exclude), self._expert.check(question)
        return self._expert.answer(self.pool.fingerprint(data, query=True, algorithms=wanted, name=name, waiting=waiting), question, scope)

    def search_sha256_by(
        self,
        question: Question,
        sha256: str,
        *,
        limit: int = 10,
        banks: Iterable[str] | None = None,
        exclude: Callable[[Record], bool] | None = None,
    ) -> Answer:
        """Return which other known pictures one algorithm finds near a known one, as it is. Raises what `search_by` does."""
        query, scope = self._known(sha256, limit, banks, exclude)
        return self._expert.answer(query, question, scope)

    def search_text(
        self, text: str, *, limit: int = 10, banks: Iterable[str] | None = None, exclude: Callable[[Record], bool] | None = None
    ) -> Answer:
        """Return the known pictures on which such words can be read. Raises BadRequest, NotFound, StoreUnavailable."""
        return self._with_clusters(TextSearch(self.collection, self.algorithms).answer(text, self._scope(limit, banks, exclude)))

    def search_description(
        self, text: str, *, limit: int = 10, banks: Iterable[str] | None = None, exclude: Callable[[Record], bool] | None = None
    ) -> Answer:
        """Return the known pictures that are likest to what a text describes, by their embeddings. Raises BadRequest, NotFound, Busy."""
        if not 0 < len(text.strip()) <= LONGEST:
            raise BadRequest(f"a description has 1 to {LONGEST} characters")
        return self._with_clusters(self._likeness.answer(self.pool.described(text), self._scope(limit, banks, exclude)))

    def embeddings(self) -> NDArray[np.float32]:
        """Return the embeddings of the newest pictures as vectors of length 1, float32 (n, d). Raises BadRequest without any."""
        return self._likeness.vectors()

    def text_on(self, record: Record) -> dict[str, str]:
        """Return what is kept of the text on a picture, and of its caption, by algorithm; nothing of a sensitive one."""
        if record.sensitive:
            return {}
        kinds = [name for name, algorithm in self.algorithms.items() if isinstance(algorithm, Words)]
        read = {name: self.collection.current_large(name, [record]).get(record.id) for name in kinds}
        return {name: value.decode(errors="replace") for name, value in read.items() if value is not None}

    def _known(
        self, sha256: str, limit: int, banks: Iterable[str] | None, exclude: Callable[[Record], bool] | None
    ) -> tuple[Fingerprints, Scope]:
        """Return a known picture as a query, which is not among its own answers."""
        record = self.get(sha256)
        query = self.as_query(record)
        return query, self._scope(limit, banks, lambda known: known.id == record.id or (exclude is not None and exclude(known)))

    def compare(
        self,
        a: bytes,
        b: bytes,
        *,
        names: tuple[str, str] = ("the first picture", "the second picture"),
        waiting: float | None = None,
    ) -> Comparison:
        """Return what two pictures have to do with each other; needs no store. Raises BadPicture, Busy."""
        query = self.pool.fingerprint(a, query=True, name=names[0], waiting=waiting)
        known = self.pool.fingerprint(b, name=names[1], waiting=waiting)
        if query.sha256 == known.sha256:
            same = Evidence("sha256", "bytes", 0.0, 0.0, Decision.YES, note="the same file, byte for byte")
            return Comparison(Decision.YES, Relation.SAME_PICTURE, 0.0, (same,))
        evidence = gather(query.views, known.values, self.algorithms, self.rules)
        return Comparison(*self.rules.judge(evidence), tuple(evidence), too_simple=not (query.values and known.values))

    def compare_known(self, one: Record, other: Record) -> Comparison:
        """Return what two known pictures have to do with each other by their stored fingerprints, whatever anybody said of them."""
        query, known = self.collection.whole(one), self.collection.whole(other)
        evidence = gather({AS_IS: query}, known, self.algorithms, self.rules)
        book = {bank.id: bank for bank in self.banks.list()}
        return Comparison(*self.rules.judge(evidence, thresholds_of(other, book)), tuple(evidence), too_simple=not (query and known))

    def get(self, sha256: str) -> Record:
        """Return a known picture. Raises NotFound, BadRequest for what is no SHA-256."""
        return self.collection.clustered([self.collection.get(checked_sha256(sha256))])[0]

    def sensitive(self, record: Record) -> bool:
        """Whether nothing but the match may be shown of a picture, as its banks are now."""
        return self.collection.named([record])[0].sensitive

    def shown_fingerprints(self, record: Record) -> dict[str, bytes]:
        """Return the fingerprints of a picture that may be shown: of a sensitive one none in which something of it may be seen."""
        if not record.sensitive:
            return record.fingerprints
        return {n: v for n, v in record.fingerprints.items() if n in self.algorithms and not self.algorithms[n].shows_pixels}

    def by_source(self, kind: str, id: str) -> list[Record]:
        """Return the pictures seen at a source, newest first."""
        found = self.collection.newest(self.collection.lists.seen_at(kind, id))
        there = [record for record in found if any((source.kind, source.id) == (kind, id) for source in record.sources)]
        return self.collection.clustered(there)

    def find(
        self,
        *,
        tag: str | None = None,
        bank: str | None = None,
        source: str | None = None,
        since: float | None = None,
        until: float | None = None,
        limit: int | None = 100,
    ) -> Iterator[Record]:
        """Yield known pictures as `Wanted` has them, newest first. Raises NotFound for an unknown bank."""
        wanted = Wanted(tag, bank, source, since, until)
        found = islice((record for record in self._candidates(wanted) if wanted.admits(record)), limit)
        while some := list(islice(found, _AT_ONCE)):
            yield from self.collection.clustered(some)

    def page(
        self, wanted: "Wanted", *, limit: int, after: int | None = None, shown: Callable[[Record], bool] = lambda record: True
    ) -> "Page":
        """Return some of the known pictures, newest first, and where to go on.

        after: the `next` of the page before. shown: says which pictures exist for whoever asks. So that a page never takes
        long, it may hold fewer than `limit` pictures, or none, and yet not be the last one. Raises NotFound.
        """
        found: list[Record] = []
        last = None
        for looked_at, record in enumerate(self._candidates(wanted, after)):
            if len(found) == limit or looked_at == _LOOKED_AT:
                return Page(tuple(self.collection.clustered(found)), last)
            last = record.id
            if wanted.admits(record) and shown(record):
                found.append(record)
        return Page(tuple(self.collection.clustered(found)), None)

    def _candidates(self, wanted: "Wanted", after: int | None = None) -> Iterator[Record]:
        """Return the pictures among which the wanted ones are, newest first, those after an id."""
        lists, kind_id = self.collection.lists, (wanted.source or "").partition(":")
        if wanted.tag is not None:
            ids: Iterable[int] = lists.tagged(wanted.tag)
        elif wanted.bank is not None:
            ids = lists.banked(self.banks.get(wanted.bank).id)
        elif kind_id[2]:
            ids = lists.seen_at(kind_id[0], kind_id[2])
        else:
            ids = range(self.collection.claims.last_id() if after is None else after - 1, 0, -1)
        return self.collection.newest(ids if after is None else (id for id in ids if id < after))

    def remove(self, sha256: str) -> None:
        """Forget a picture: from now on it answers nowhere. Raises NotFound, BadRequest."""
        self.collection.remove(checked_sha256(sha256))

    def tag(self, sha256: str, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Record:
        """Give a picture tags, and take some from it. Raises NotFound, BadRequest."""
        return self.change(self.get(sha256), tags=add, fewer_tags=remove)

    def set_banks(self, sha256: str, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Record:
        """Put a picture into banks, and take it from some. Raises NotFound, BadRequest."""
        return self.change(self.get(sha256), banks=add, fewer_banks=remove)

    def change(
        self,
        record: Record,
        *,
        sources: Sequence[Source] = (),
        tags: Iterable[str] = (),
        banks: Iterable[str] = (),
        fewer_sources: Sequence[Source] = (),
        fewer_tags: Iterable[str] = (),
        fewer_banks: Iterable[str] = (),
    ) -> Record:
        """Give a picture sources, tags and banks, and take some from it; return it as it is then. Raises NotFound, BadRequest."""
        gained, tags, lost = self.bank_ids(banks), checked_tags(tags), self.bank_ids(fewer_banks)
        check_sources(sources)
        kept = (
            self.collection.note(record, sources, tags, gained)
            and self.collection.unnote(record, tuple(fewer_tags), lost)
            and self.collection.forget_sources(record, fewer_sources)
        )
        if not kept:
            raise NotFound(f"picture {record.sha256} was removed meanwhile")
        return self.get(record.sha256)

    def check_fingerprints(self, values: Mapping[str, bytes]) -> None:
        """Raise BadRequest unless these are fingerprints that could have been computed here."""
        if not values:
            raise BadRequest("no fingerprints are given; `kuato hash --json` computes some")
        for name, value in values.items():
            if name not in self.algorithms:
                raise BadRequest(
                    f"fingerprint {name[:80]!r} is not enabled; enabled are {', '.join(self.algorithms)} (fingerprints.enabled)"
                )
            if not self.algorithms[name].valid(value):
                raise BadRequest(f"this is no fingerprint of {name} (version {self.algorithms[name].version}): {len(value)} bytes")

    def stats(self) -> shapes.Stats:
        """Return figures of the store, in a fraction of a second whatever its size: `shapes.Stats` tells what they mean."""
        forecast = Forecast(self.collection)
        memory, growth, banks = forecast.memory(), forecast.growth(), forecast.banks(self.banks.list())
        pictures = forecast.pictures
        more = memory.more(pictures)
        return {
            "pictures": pictures,
            "pictures_by_bank": {bank.name: bank.pictures for bank in banks},
            "estimated_banks": [bank.name for bank in banks if not bank.exact],
            "banks": len(banks),
            "redis_bytes": memory.server,
            "redis_bytes_per_picture": round(memory.server / pictures) if pictures else 0,
            "memory": {
                "bytes": memory.total,
                "bytes_per_picture": memory.each(pictures),
                "kinds": memory.kinds,
                "free_bytes": memory.room,
                "bound": memory.bound,
                "more_pictures": more,
            },
            "growth": {
                "days": round(growth.days, 1),
                "pictures": growth.pictures,
                "pictures_per_day": round(growth.a_day, 1),
                "full_on": shapes.day(forecast.full(more, growth)) if more is not None else None,
            },
            "algorithms": {name: algorithm.version for name, algorithm in self.algorithms.items()},
        }

    def scrub(self) -> bool:
        """Let nothing of what was deleted be left on disk. False where Redis is not our own, or was too busy: `Store.scrub`."""
        return not self.settings["redis.url"] and self.collection.store.scrub()

    def reset(self) -> int:
        """Delete everything of ours from the store but tokens and accounts; return how many keys that were. Other keys stay."""
        # Without tokens and accounts the API would let in everybody on this machine again.
        store = self.collection.store
        return store.clear(kept=[store.key(tokens.KEY), store.key(accounts.KEY)])

    def close(self) -> None:
        """End the workers and the connection."""
        self.tally.close()
        self.pool.close()
        self.collection.store.forget_connection()

    def __enter__(self) -> "Matcher":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _answer(self, query: Fingerprints, scope: Scope) -> Answer:
        """Search, obey what people said of the query, and tell the cluster of each match."""
        verdicts = Verdicts(self.collection, query.sha256)
        found = self._search.answer(self._likeness.expanded(query), verdicts.narrowed(scope))
        return self._with_clusters(verdicts.applied(found, scope))

    def _with_clusters(self, answer: Answer) -> Answer:
        pictures = {record.id: record for record in self.collection.clustered(one.picture for one in (*answer.matches, *answer.suppressed))}
        matches, suppressed = (
            tuple(replace(one, picture=pictures[one.picture.id]) for one in some) for some in (answer.matches, answer.suppressed)
        )
        return replace(answer, matches=matches, suppressed=suppressed)

    def as_query(self, record: Record) -> Fingerprints:
        """Return a known picture as a query: what is kept of it, as it is."""
        return Fingerprints(record.sha256, record.format, record.size, record.bytes_size, {"as is": self.collection.whole(record)})

    def _scope(self, limit: int, banks: Iterable[str] | None, exclude: Callable[[Record], bool] | None) -> Scope:
        if limit < 1:
            raise BadRequest(f"a limit of {limit} would answer nothing; give 1 or more")
        return Scope(limit, frozenset(self.bank_ids(banks)) if banks is not None else None, exclude)

    def bank_ids(self, names: Iterable[str]) -> tuple[int, ...]:
        """Return the ids of banks by their names. Raises NotFound."""
        return tuple(dict.fromkeys(self.banks.get(name).id for name in names))


def checked_sha256(text: str) -> str:
    """Return a SHA-256 in lower case. Raises BadRequest for what is none."""
    lower = text.strip().lower()
    if len(lower) != 64 or not set(lower) <= set("0123456789abcdef"):
        raise BadRequest(f"{text[:80]!r} is no SHA-256; give its 64 hexadecimal digits")
    return lower


def check_sources(sources: Iterable[Source]) -> None:
    """Raise BadRequest for sources whose details cannot be kept as JSON."""
    for source in sources:
        try:
            json.dumps([source.metadata, source.visibility, source.first_seen, source.last_seen], allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise BadRequest(f"source {source.key[:80]!r} has details that are no JSON: {error}") from None


def checked_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return the tags without spaces around them, each once. Raises BadRequest for what cannot be a tag."""
    found = tuple(dict.fromkeys(tag.strip() for tag in tags))
    for tag in found:
        if not tag or len(tag) > 255 or not tag.isprintable():
            raise BadRequest(f"{tag[:80]!r} cannot be a tag: it takes 1 to 255 printable characters")
    return found
