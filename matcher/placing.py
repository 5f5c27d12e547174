"""Looking up pictures that are known among the others, which ties each to those that it is the same as."""

from collections.abc import Sequence
from dataclasses import replace

from matcher.clustering import Clustering
from matcher.collection import Collection
from matcher.extraction import Fingerprints
from matcher.match import Answer
from matcher.records import Record
from matcher.search import MOST_NEAR, Scope, Search
from matcher.sentry import Sentry
from matcher.verdicts import Verdicts


class Placing:
    """Places the pictures of one collection. search: finds what they may be the same as."""

    def __init__(self, collection: Collection, search: Search, sentry: Sentry, clustering: Clustering) -> None:
        self._collection = collection
        self._search = search
        self._sentry = sentry
        self._clustering = clustering

    def place(self, record: Record, query: Fingerprints) -> Record:
        """Tie a known picture to those it is the same as; return it as it is then."""
        return self.place_many([(record, query)])[0]

    def place_many(self, pictures: Sequence[tuple[Record, Fingerprints]]) -> list[Record]:
        """Do the same for some pictures, of different ids, in fewer questions to Redis.

        Of two of them the one with the greater id looks for the other, as if it had come later.
        """
        ordered = sorted(pictures, key=lambda one: one[0].id)
        together = frozenset(record.id for record, _ in ordered)
        reviews = self._collection.reviews.of_many([record.sha256 for record, _ in ordered])
        verdicts = [Verdicts(self._collection, record.sha256, reviews) for record, _ in ordered]
        scopes = [said.narrowed(_earlier(record, together)) for (record, _), said in zip(ordered, verdicts, strict=True)]
        answers = self._search.answers([(query, scope) for (_, query), scope in zip(ordered, scopes, strict=True)])
        told = zip(ordered, verdicts, scopes, answers, strict=True)
        changed = [self._tied(*one, said.applied(answer, scope)) for one, said, scope, answer in told]
        # Last: who is killed before will be looked up once more.
        self._clustering.note_placed([record for record, _ in ordered])
        now = self._collection.known_many([record.sha256 for record, _ in ordered]) if any(changed) else {}
        return [now.get(record.sha256) or replace(record, placed=True) for record, _ in pictures]

    def _tied(self, record: Record, query: Fingerprints, answer: Answer) -> bool:
        """Whether there was anything to tie a picture to, or to let a person look at."""
        self._sentry.crowd(query, answer)
        found = () if self._sentry.hub(record, answer.matches) else answer.matches
        self._clustering.tie(record, found)
        return bool(found)


def _earlier(record: Record, together: frozenset[int]) -> Scope:
    return Scope(MOST_NEAR, exclude=lambda known: known.id == record.id or (known.id > record.id and known.id in together))
