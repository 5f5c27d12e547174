"""`kuato cluster`: pictures that are the same."""

from collections.abc import Sequence
from itertools import islice

import click
from rich.table import Table

from matcher import shapes
from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.commands.person import user
from matcher.gallery import Gallery, Offer, Side, View


@click.group()
def cluster() -> None:
    """Clusters: known pictures that are the same one.

    A picture joins those that it is the same picture as, with YES, when it is added (cluster.automatic), and those of which a person
    says so (`kuato review`). An id stays, also that of a cluster that was merged into another. What would merge two clusters by one
    picture alone, or make one larger than cluster.max_size, waits as a proposal.
    """


@cluster.command("list")
@click.option("--limit", metavar="N", type=click.IntRange(1), default=100, show_default=True, help="Most clusters to list.")
@json_option
@pass_invocation
def list_clusters(invocation: Invocation, limit: int, as_json: bool) -> None:
    """List the clusters of two pictures or more, the largest first."""
    gallery, standing = _gallery(invocation), invocation.matcher.collection.clusters.standing()
    ordered = sorted(standing, key=lambda one: (-len(one.members), one.id))
    views = [gallery.glance(one) for one in islice(ordered, limit)]
    if as_json:
        for view in views:
            tables.emit(shapes.cluster(view))
    else:
        rows = [
            (view.cluster.id, str(len(view.records)), shapes.moment(view.cluster.made) or "", view.representative or "") for view in views
        ]
        tables.show(tables.table(("cluster", "pictures", "made", "representative"), rows, fold=("representative",)))
    if len(ordered) > limit:
        tables.complain(f"there are {len(ordered):,}; see --limit")


@cluster.command()
@click.argument("id", metavar="CLUSTER")
@json_option
@pass_invocation
def show(invocation: Invocation, id: str, as_json: bool) -> None:
    """Show a cluster, by its id or that of one that was merged into it: its pictures and what ties them."""
    view = _gallery(invocation).view(invocation.matcher.collection.clusters.get(id))
    if as_json:
        tables.emit(shapes.whole_cluster(view))
        return
    rows = [
        ("cluster", view.cluster.id),
        ("made", shapes.moment(view.cluster.made) or ""),
        ("was also", ", ".join(view.cluster.aliases)),
        ("pictures", f"{len(view.records)}" if len(view.records) > 1 else f"{len(view.records)}: dissolved"),
        ("representative", view.representative or ""),
    ]
    rows += [("said to differ", f"{one.a} and {one.b}, by {one.who}") for one in view.contradictions]
    tables.show(tables.pairs([(name, value) for name, value in rows if value]))
    tables.records(view.records)
    tables.show(_ties(view.ties))


@cluster.command()
@click.argument("id", metavar="CLUSTER")
@click.argument("digests", metavar="SHA...", nargs=-1, required=True)
@json_option
@pass_invocation
def split(invocation: Invocation, id: str, digests: tuple[str, ...], as_json: bool) -> None:
    """Take pictures out of a cluster; two or more make one of their own. No search brings them together again."""
    matcher, gallery = invocation.matcher, _gallery(invocation)
    old = matcher.collection.clusters.get(id)
    made = matcher.clustering.split(old, [matcher.get(sha256) for sha256 in dict.fromkeys(digests)])
    left = gallery.glance(matcher.collection.clusters.get(old.id))
    if as_json:
        tables.emit({"cluster": shapes.cluster(left), "split": shapes.cluster(gallery.glance(made)) if made else None})
    else:
        tables.say(f"cluster {left.cluster.id} has {len(left.records)} pictures left")
        tables.say(f"cluster {made.id} has {len(made.members)}" if made else "the other picture is in no cluster")


@cluster.command()
@click.argument("one", metavar="SHA")
@click.argument("other", metavar="SHA")
@json_option
@pass_invocation
def join(invocation: Invocation, one: str, other: str, as_json: bool) -> None:
    """Bring the clusters of two pictures together; a picture that is in none counts as one. The older id stays."""
    matcher = invocation.matcher
    _answer(_gallery(invocation).glance(matcher.clustering.join(matcher.get(one), matcher.get(other))), as_json)


@cluster.command()
@json_option
@pass_invocation
def proposals(invocation: Invocation, as_json: bool) -> None:
    """List what would make clusters grow but waits for a person, the oldest first."""
    offers = _gallery(invocation).offers()
    if as_json:
        for offer in offers:
            tables.emit(shapes.proposal(offer))
        return
    rows = [
        (offer.proposal.id, offer.proposal.reason.value, *map(_side, offer.sides), _closest(offer), str(len(offer.ties)))
        for offer in offers
    ]
    columns = ("proposal", "reason", "one side", "the other", "nearest pair", "pairs")
    tables.show(tables.table(columns, rows, fold=columns[2:5]))


@cluster.command()
@click.argument("id", metavar="PROPOSAL")
@json_option
@pass_invocation
def accept(invocation: Invocation, id: str, as_json: bool) -> None:
    """Let a cluster grow as was proposed."""
    clustering = invocation.matcher.clustering
    _answer(_gallery(invocation).glance(clustering.accept(clustering.proposal(id), user())), as_json)


@cluster.command()
@click.argument("id", metavar="PROPOSAL")
@json_option
@pass_invocation
def reject(invocation: Invocation, id: str, as_json: bool) -> None:
    """Let what was proposed stay apart; no search brings it together or proposes it again.

    That the pictures are different is another thing to say: `kuato review SHA SHA --reject`.
    """
    clustering = invocation.matcher.clustering
    proposal = clustering.proposal(id)
    clustering.reject(proposal, user())
    if as_json:
        tables.emit({"id": proposal.id, "rejected": True})
    else:
        tables.say(f"proposal {proposal.id} rejected")


@cluster.command()
@click.argument("id", metavar="PROPOSAL")
@json_option
@pass_invocation
def undo(invocation: Invocation, id: str, as_json: bool) -> None:
    """Undo what was decided of a proposal, accepted or rejected: what that alone tied is parted, and the proposal waits again."""
    waits = invocation.matcher.clustering.undo(id)
    if as_json:
        tables.emit({"id": id, "waits": waits})
    else:
        why = "it waits again" if waits else "it does not wait again: others hold the two together, or had them apart"
        tables.say(f"the decision on proposal {id} is undone; {why}")


@cluster.command()
@json_option
@pass_invocation
def build(invocation: Invocation, as_json: bool) -> None:
    """Look up all pictures that were not when they were added: those of imports and hash lists, and where cluster.automatic is off.

    By their stored fingerprints, so mirrored and turned copies are not found. Interrupted, it goes on from there when repeated.
    """
    matcher = invocation.matcher
    collection, last, done = matcher.collection, matcher.collection.claims.last_id(), 0
    with tables.progress("building", last) as advance:
        for record in collection.newest(range(1, last + 1)):
            if not record.placed:
                matcher.place(record)
                done += 1
            advance(record.id)
    standing = sum(1 for _ in collection.clusters.standing())
    waiting = len(_gallery(invocation).offers())
    if as_json:
        tables.emit({"pictures": done, "clusters": standing, "proposals": waiting})
    else:
        tables.say(f"{done:,} pictures looked up; there are {standing:,} clusters, and {waiting:,} proposals wait")


def _gallery(invocation: Invocation) -> Gallery:
    return Gallery(invocation.matcher.collection, invocation.matcher.clustering)


def _answer(view: View, as_json: bool) -> None:
    if as_json:
        tables.emit(shapes.cluster(view))
    else:
        tables.say(f"cluster {view.cluster.id} has {len(view.records)} pictures")


def _ties(ties: Sequence[tuple[str, str, float, str]]) -> Table:
    return tables.table(
        ("tied", "to", "distance", "how"), [(a, b, f"{distance:.3f}", how) for a, b, distance, how in ties], fold=("tied", "to")
    )


def _side(side: Side) -> str:
    return f"cluster {side.cluster} ({side.size})" if side.cluster else f"picture {side.picture}"


def _closest(offer: Offer) -> str:
    a, b, distance, _ = min(offer.ties, key=lambda tie: tie[2])
    return f"{a} {b} {distance:.3f}"
