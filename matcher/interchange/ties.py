"""Clusters and reviews as they travel: by the SHA-256 of pictures, behind the pictures of an export.

{"cluster": {"id", "made", "pictures": [sha256, ..], "links": [[sha256, sha256, distance, how], ..], "apart": [..], "aliases": [..]}}
{"review": {"a", "b", "verdict", "who", "when"}}
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from matcher.cluster import BY_HAND, FOUND, REVIEWED, Link
from matcher.clustering import Clustering
from matcher.clusters import checked_id
from matcher.collection import Collection
from matcher.engine import checked_sha256
from matcher.errors import BadRequest, NotFound
from matcher.interchange.fields import Fields
from matcher.records import Record
from matcher.reviews import Review, Verdict

_YEAR_10000 = 253_402_300_799
_HOW = (FOUND, REVIEWED, BY_HAND)


@dataclass(frozen=True)
class Company:
    """A cluster as it travels. links: SHA-256, SHA-256, distance, how."""

    id: str
    made: float
    pictures: tuple[str, ...]
    links: tuple[tuple[str, str, float, str], ...]
    apart: tuple[str, ...]
    aliases: tuple[str, ...]

    def fields(self) -> dict[str, object]:
        """Return what stands in its line."""
        return {**vars(self), "links": [list(link) for link in self.links]}


def companies(collection: Collection, wanted: Callable[[Record], bool], whole: bool) -> Iterator[Company]:
    """Yield the clusters of two pictures or more that are wanted. whole: all are, so that aliases and what is apart may be told."""
    for cluster in collection.clusters.standing():
        asked = dict.fromkeys((*cluster.members, *(cluster.apart if whole else ())))
        records = {record.id: record.sha256 for record in collection.named(collection.records.live(asked).values()) if wanted(record)}
        members = [id for id in cluster.members if id in records]
        if len(members) > 1:
            links = tuple(
                (records[link.a], records[link.b], link.distance, link.how) for link in cluster.links if {link.a, link.b} <= set(members)
            )
            apart = tuple(records[id] for id in sorted(cluster.apart) if whole and id in records)
            pictures = tuple(records[id] for id in members)
            yield Company(cluster.id, cluster.made, pictures, tuple(sorted(links)), apart, cluster.aliases if whole else ())


def judgements(collection: Collection, wanted: Callable[[Record], bool]) -> Iterator[Review]:
    """Yield the reviews of pictures that are both wanted, by their SHA-256."""
    for review in sorted(collection.reviews.all(), key=lambda one: (one.a, one.b)):
        pair = [collection.known(sha256) for sha256 in (review.a, review.b)]
        if all(record is not None and wanted(record) for record in pair):
            yield review


def review_fields(review: Review) -> dict[str, object]:
    """Return what stands in the line of a review."""
    return {"a": review.a, "b": review.b, "verdict": review.verdict.value, "who": review.who, "when": round(review.when)}


def read_company(fields: Fields) -> Company:
    """Return the cluster of a line. Raises ValueError, BadRequest."""
    pictures = tuple(map(checked_sha256, fields.texts("pictures")))
    links = list[tuple[str, str, float, str]]()
    for link in fields.many("links"):
        if not isinstance(link, list) or len(link) != 4 or link[3] not in _HOW or not isinstance(link[2], int | float):
            raise ValueError("a link is two SHA-256, a distance, and how they were tied")
        if not {link[0], link[1]} <= set(pictures) or not 0 <= link[2] <= 1:
            raise ValueError("a link ties two pictures of its cluster, with a distance in 0..1")
        links.append((link[0], link[1], float(link[2]), link[3]))
    made = fields.take("made")
    if isinstance(made, bool) or not isinstance(made, int | float) or not 0 <= made <= _YEAR_10000:
        raise ValueError("made is no time")
    try:
        id, aliases = checked_id(fields.text("id")), tuple(map(checked_id, fields.texts("aliases")))
    except NotFound as error:
        raise ValueError(str(error)) from None
    return Company(id, float(made), pictures, tuple(links), tuple(map(checked_sha256, fields.texts("apart"))), aliases)


def read_review(fields: Fields) -> Review:
    """Return the review of a line. Raises ValueError, BadRequest."""
    a, b = checked_sha256(fields.text("a")), checked_sha256(fields.text("b"))
    if a >= b:
        raise BadRequest("of a review the lesser SHA-256 stands first")
    return Review(a, b, Verdict(fields.text("verdict")), fields.text("who"), fields.whole("when", 0, _YEAR_10000))


class Taking:
    """Brings clusters and reviews into a collection. Done again, it changes nothing more."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._clusters = collection.clusters
        self._clustering = Clustering(collection)

    def company(self, company: Company) -> None:
        """Let pictures be in one cluster, under the id of this one where they are in none; those that a person had apart here stay so."""
        known = self._known((*company.pictures, *company.apart))
        members = [known[sha256] for sha256 in company.pictures if sha256 in known]
        there = self._clusters.locate(members)
        if len(members) < 2 or any(one.apart.intersection(record.id for record in members) for one in there.values()):
            return
        ids = {sha256: record.id for sha256, record in known.items()}
        links = [Link.between(ids[a], ids[b], distance, how) for a, b, distance, how in company.links if a in ids and b in ids]
        apart = [ids[sha256] for sha256 in company.apart if sha256 in ids]
        free = [record for record in members if record.id not in there]
        name = self._clusters.take(company.id, company.made, [record.id for record in free], links, apart)
        for record in free:
            self._clusters.point(record, name)
        for other in {cluster.id: cluster for cluster in there.values()}.values():
            here = self._clusters.get(name)
            if (standing := self._clusters.get(other.id)).id != here.id:
                self._clusters.merge(here, standing, links)
        for alias in company.aliases:
            self._clusters.redirect(alias, name)
        here = self._clusters.get(name)
        led = [alias for alias in company.aliases if alias != here.id and self._clusters.get(alias).id == here.id]
        self._clusters.edit(here.id, lambda cluster: cluster.known_as(led))

    def review(self, review: Review) -> None:
        """Keep a verdict, unless there is one on the pair already."""
        known = self._known((review.a, review.b))
        if len(known) == 2 and self._collection.reviews.get(review.a, review.b) is None:
            self._collection.reviews.give(review.a, review.b, review.verdict, review.who, review.when)
            if review.verdict is Verdict.DIFFERENT or len({one.id for one in self._clusters.locate(known.values()).values()}) != 1:
                self._clustering.enact(known[review.a], known[review.b], review.verdict)

    def _known(self, digests: tuple[str, ...]) -> dict[str, Record]:
        found = ((sha256, self._collection.known(sha256)) for sha256 in dict.fromkeys(digests))
        return {sha256: record for sha256, record in found if record is not None}
