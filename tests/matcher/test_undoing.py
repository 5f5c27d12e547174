"""What people decided of proposals, and undo, on a real Redis."""

from dataclasses import replace

import pytest

from matcher.errors import NotFound
from matcher.proposals import Reason
from matcher.reviews import Verdict
from matcher.rulings import _MOST as MOST
from tests.matcher.test_clustering import Shelf, ids, two_pairs


@pytest.fixture
def shelf(store_url: str) -> Shelf:
    return Shelf(store_url)


@pytest.fixture
def bridged(shelf: Shelf) -> tuple[str, str]:
    """1, 2, 5 and 3, 4: two clusters, of which 5 alone says that they are one; their ids."""
    names = two_pairs(shelf)
    shelf.add(5, 1, 3)
    return names


def decide(shelf: Shelf, accepted: bool = True) -> str:
    """Decide the only proposal; its id."""
    (proposal,) = shelf.collection.proposals.all()
    (shelf.clustering.accept if accepted else shelf.clustering.reject)(proposal, "ana")
    assert shelf.proposals() == []
    return proposal.id


def test_a_ruling_is_kept_with_who_and_when(shelf: Shelf, bridged: tuple[str, str]) -> None:
    (proposal,) = shelf.collection.proposals.all()
    id = decide(shelf)
    (ruling,) = shelf.collection.rulings.latest()
    assert ruling == shelf.collection.rulings.get(f" {id.upper()} ")
    assert (ruling.proposal, ruling.accepted, ruling.who, ruling.cluster) == (proposal, True, "ana", bridged[0])
    assert set(ruling.ids) == ids(shelf, 3, 4)


def test_what_was_accepted_is_parted_and_waits_again(shelf: Shelf, bridged: tuple[str, str]) -> None:
    (before,) = shelf.collection.proposals.all()
    assert shelf.clustering.undo(decide(shelf))
    assert shelf.members(bridged[0]) == ids(shelf, 1, 2, 5) and shelf.together(3, 4) and not shelf.together(1, 3)
    (again,) = shelf.collection.proposals.all()
    assert shelf.proposals() == [Reason.BRIDGE] and (again.links, again.when) == (before.links, before.when)
    assert shelf.collection.rulings.latest() == [] and shelf.clean()
    assert shelf.clustering.undo(decide(shelf)), "and so on, as often as anybody likes"
    shelf.clustering.accept(shelf.collection.proposals.all()[0], "ana")
    assert shelf.together(1, 2, 3, 4, 5)


def test_a_picture_that_was_let_in_is_let_out(store_url: str) -> None:
    shelf = Shelf(store_url, max_size=2)
    for number in (1, 2, 3):
        shelf.add(number, *range(1, number))
    assert shelf.clustering.undo(decide(shelf))
    assert shelf.together(1, 2) and shelf.cluster(3) == "" and shelf.proposals() == [Reason.SIZE]


def test_what_was_rejected_waits_again_and_may_grow(shelf: Shelf, bridged: tuple[str, str]) -> None:
    assert shelf.clustering.undo(decide(shelf, accepted=False))
    assert shelf.proposals() == [Reason.BRIDGE]
    shelf.add(6, 2, 4)  # a second pair, so that nobody need be asked
    assert shelf.together(1, 2, 3, 4, 5, 6) and shelf.clean()


def test_what_others_tied_since_holds(shelf: Shelf, bridged: tuple[str, str]) -> None:
    id = decide(shelf)
    shelf.clustering.review(shelf.record(2), shelf.record(4), Verdict.SAME, "bob")
    assert not shelf.clustering.undo(id)
    assert shelf.together(1, 2, 3, 4, 5) and shelf.proposals() == []
    shelf.clustering.withdraw(shelf.record(2).sha256, shelf.record(4).sha256)
    assert not shelf.together(1, 3), "the decision holds them together no more"


def test_what_joined_since_goes_with_what_it_is_tied_to(shelf: Shelf, bridged: tuple[str, str]) -> None:
    id = decide(shelf)
    shelf.add(6, 4)
    shelf.add(7, 1)
    assert shelf.clustering.undo(id)
    assert shelf.members(bridged[0]) == ids(shelf, 1, 2, 5, 7) and shelf.together(3, 4, 6)


def test_what_somebody_had_apart_since_stays_apart(shelf: Shelf, bridged: tuple[str, str]) -> None:
    id = decide(shelf)
    shelf.clustering.split(shelf.collection.clusters.get(bridged[0]), [shelf.record(3), shelf.record(4)])
    assert not shelf.clustering.undo(id)
    assert shelf.proposals() == [] and not shelf.together(1, 3) and shelf.together(3, 4)


def test_pictures_that_were_removed_since_leave_nothing_to_decide(shelf: Shelf, bridged: tuple[str, str]) -> None:
    accepted = decide(shelf)
    for number in (3, 5):
        shelf.collection.remove(shelf.record(number).sha256)
    assert not shelf.clustering.undo(accepted)
    assert shelf.collection.rulings.latest() == [] and shelf.collection.proposals.all() == [] and shelf.clean()


def test_undoing_that_was_interrupted_can_be_done_again(shelf: Shelf, bridged: tuple[str, str]) -> None:
    ruling = shelf.collection.rulings.get(decide(shelf))
    assert shelf.clustering.undo(ruling.id)
    proposal = ruling.proposal
    shelf.collection.rulings.keep(proposal, True, ruling.who, ruling.cluster, ruling.ids)  # as if the last step had not been taken
    assert shelf.clustering.undo(ruling.id) and shelf.proposals() == [Reason.BRIDGE] and shelf.clean()


def test_so_many_are_kept(shelf: Shelf, bridged: tuple[str, str]) -> None:
    (proposal,) = shelf.collection.proposals.all()
    for number in range(MOST + 5):
        shelf.collection.rulings.keep(replace(proposal, id=f"{number:016x}"), True, "ana", "", ())
    assert len(shelf.collection.rulings.latest()) == MOST
    with pytest.raises(NotFound):
        shelf.collection.rulings.get("0" * 16)


@pytest.mark.parametrize("id", ["", "nothing", "0" * 16, "\udcff"])
def test_what_nobody_decided_cannot_be_undone(shelf: Shelf, id: str) -> None:
    with pytest.raises(NotFound, match="no decision"):
        shelf.clustering.undo(id)
