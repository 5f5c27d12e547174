"""Clusters: pictures that are the same; what waits for review before they grow."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from matcher import shapes
from matcher.engine import checked_sha256
from matcher.errors import NotFound
from matcher.gallery import Gallery, View
from matcher.tokens import Role
from matcher.web.operation import Call, Model, Reply, Routes
from matcher.web.parts import Limit
from matcher.web.search import check_limit

routes = Routes("clusters")

Sha256 = Annotated[str, Field(pattern="^[0-9A-Fa-f]{64}$")]


class Listing(Model):
    """Which clusters to list."""

    limit: Limit = 100
    after: Annotated[str | None, Field(max_length=100, description="The `next` of the page before.")] = None


class Joining(Model):
    """Two pictures whose clusters are to be one."""

    a: Sha256
    b: Sha256


class Splitting(Model):
    """Pictures that are to leave a cluster; two or more make one of their own."""

    pictures: Annotated[tuple[Sha256, ...], Field(min_length=1, max_length=1000)]


class Clusters(TypedDict):
    """Clusters of two pictures or more, by id. next: what to ask the following page with (`after`), null at the end."""

    clusters: list[shapes.Cluster]
    next: str | None


class Split(TypedDict):
    """A cluster that was split. split: the one of those that left, null where it was one picture."""

    cluster: shapes.Cluster
    split: shapes.Cluster | None


class Proposals(TypedDict):
    """What waits for review, the oldest first."""

    proposals: list[shapes.Proposal]


class Undone(TypedDict):
    """A decision that was undone. waits: whether its proposal waits again; else others hold the two together, or had them apart."""

    waits: bool


@routes.get("/clusters", role=Role.SEARCH, query=Listing, returns=Clusters)
def list_clusters(call: Call) -> Clusters:
    """List the clusters of two pictures or more, page by page."""
    limit, found = check_limit(call, call.query.limit), list[shapes.Cluster]()
    gallery = _gallery(call)
    for cluster in call.services.matcher.collection.clusters.standing(call.query.after or ""):
        if len(found) == limit:
            return {"clusters": found, "next": found[-1]["id"]}
        view = gallery.glance(cluster)
        if len(view.records) > 1:
            found.append(_shape(call, view))
    return {"clusters": found, "next": None}


@routes.get("/clusters/{cluster}", role=Role.SEARCH, returns=shapes.WholeCluster, errors=(NotFound,))
def get_cluster(call: Call) -> shapes.WholeCluster:
    """Return a cluster with its pictures, by its id or that of one that was merged into it."""
    view = _gallery(call).view(call.services.matcher.collection.clusters.get(call.path["cluster"]))
    if call.caller.limited and len(view.records) < 2:
        # That there is one would tell of pictures that are not the caller's to know.
        raise NotFound(f"there is no cluster {call.path['cluster']}")
    return {**shapes.whole_cluster(view), **_shape(call, view)}


@routes.post("/clusters", role=Role.REVIEW, body=Joining, returns=shapes.Cluster, errors=(NotFound,), audit="cluster.join")
def join_clusters(call: Call) -> shapes.Cluster:
    """Bring the clusters of two pictures together; a picture that is in none counts as one."""
    call.caller.check_unlimited()
    matcher = call.services.matcher
    cluster = matcher.clustering.join(matcher.get(call.body.a), matcher.get(call.body.b))
    call.audited["cluster"] = cluster.id
    return shapes.cluster(_gallery(call).glance(cluster))


@routes.post("/clusters/{cluster}/split", role=Role.REVIEW, body=Splitting, returns=Split, errors=(NotFound,), audit="cluster.split")
def split_cluster(call: Call) -> Split:
    """Take pictures out of a cluster; no search brings them together again."""
    call.caller.check_unlimited()
    matcher, gallery = call.services.matcher, _gallery(call)
    cluster = matcher.collection.clusters.get(call.path["cluster"])
    call.audited["cluster"] = cluster.id
    made = matcher.clustering.split(cluster, [matcher.get(checked_sha256(sha256)) for sha256 in call.body.pictures])
    left = matcher.collection.clusters.get(cluster.id)
    return {"cluster": shapes.cluster(gallery.glance(left)), "split": shapes.cluster(gallery.glance(made)) if made else None}


@routes.get("/proposals", role=Role.REVIEW, returns=Proposals)
def list_proposals(call: Call) -> Proposals:
    """List what would make clusters grow but waits for a person."""
    call.caller.check_unlimited()
    return {"proposals": [shapes.proposal(offer) for offer in _gallery(call).offers()]}


@routes.post("/proposals/{proposal}/accept", role=Role.REVIEW, returns=shapes.Cluster, errors=(NotFound,), audit="proposal.accept")
def accept_proposal(call: Call) -> shapes.Cluster:
    """Let a cluster grow as was proposed."""
    call.caller.check_unlimited()
    clustering = call.services.matcher.clustering
    cluster = clustering.accept(clustering.proposal(call.path["proposal"]), call.caller.name)
    call.audited |= {"proposal": call.path["proposal"], "cluster": cluster.id}
    return shapes.cluster(_gallery(call).glance(cluster))


@routes.post("/proposals/{proposal}/reject", role=Role.REVIEW, returns={204: None}, errors=(NotFound,), audit="proposal.reject")
def reject_proposal(call: Call) -> Reply:
    """Let what was proposed stay apart; no search brings it together or proposes it again."""
    call.caller.check_unlimited()
    clustering = call.services.matcher.clustering
    clustering.reject(clustering.proposal(call.path["proposal"]), call.caller.name)
    call.audited["proposal"] = call.path["proposal"]
    return Reply(None, 204)


@routes.post("/proposals/{proposal}/undo", role=Role.REVIEW, returns=Undone, errors=(NotFound,), audit="proposal.undo")
def undo_proposal(call: Call) -> Undone:
    """Undo what was decided of a proposal: what the decision alone tied is parted, and the proposal waits again."""
    call.caller.check_unlimited()
    call.audited["proposal"] = call.path["proposal"]
    return {"waits": call.services.matcher.clustering.undo(call.path["proposal"])}


def _gallery(call: Call) -> Gallery:
    return Gallery(call.services.matcher.collection, call.services.matcher.clustering, call.caller.shown)


def _shape(call: Call, view: View) -> shapes.Cluster:
    shape = shapes.cluster(view)
    # How many there were before they were merged is not told either.
    return {**shape, "aliases": []} if call.caller.limited else shape
