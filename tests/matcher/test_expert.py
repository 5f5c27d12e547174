"""Expert search: one algorithm alone, bounds by who asks, the same hash, filters on metadata."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from matcher.collection import Collection
from matcher.decision import Rules
from matcher.decode import Limits
from matcher.errors import BadRequest
from matcher.expert import Described, ExpertSearch, Question
from matcher.extraction import Fingerprints, extract
from matcher.fingerprints import registry
from matcher.match import Answer, Decision
from matcher.picture import VIEWS
from matcher.records import Record
from matcher.search import Scope
from matcher.source import Source
from matcher.store import Store
from tests.matcher.fingerprints.drawn import file, photo, saved

NAMES = ("photodna", "goldberg", "phash-576", "dhash", "pdq", "pdq-trimmed", "tiles", "local", "tlsh")
ALGORITHMS = registry.load(NAMES)
NEW = ("photodna", "goldberg", "phash-576")


def query(data: bytes, *names: str) -> Fingerprints:
    return extract(data, {name: ALGORITHMS[name] for name in names or NAMES}, Limits(), query=True)


@pytest.fixture(scope="module")
def known() -> dict[str, Fingerprints]:
    """Pictures as they are added."""
    names = ("page", "page2", "page3", "photo", "photo2", "photo3")
    return {name: extract(file(name), ALGORITHMS, Limits()) for name in names}


@pytest.fixture
def collection(store_url: str, known: dict[str, Fingerprints]) -> Collection:
    collection = Collection(Store(lambda: store_url, "test:"), ALGORITHMS)
    for name, fingerprints in known.items():
        collection.add(fingerprints, [Source("file", name)])
    return collection


@pytest.fixture
def expert(collection: Collection) -> ExpertSearch:
    return ExpertSearch(collection, ALGORITHMS, Rules.load())


def sources(answer: Answer) -> list[str]:
    return [match.picture.sources[0].id for match in answer.matches]


@pytest.mark.parametrize("name", [*NEW, "dhash", "pdq", "tiles", "local"])
@pytest.mark.parametrize("copy", ["photo:q30", "page:half"])
def test_each_algorithm_finds_a_copy_by_its_evidence_alone(expert: ExpertSearch, name: str, copy: str) -> None:
    answer = expert.answer(query(file(copy), name), Question(name), Scope())
    assert sources(answer)[0] == copy.partition(":")[0]
    assert {one.algorithm for match in answer.matches for one in match.evidence} == {name}
    # Alone, a hash never says YES.
    assert answer.decision is (Decision.YES if name in ("tiles", "local") else Decision.MAYBE)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", ["photodna", "goldberg"])
def test_turned_mirrored_and_negative_copies_are_found(expert: ExpertSearch, name: str, view: str) -> None:
    turned = saved(Image.fromarray(np.ascontiguousarray(VIEWS[view](np.asarray(photo(1))))), "JPEG", 80)
    answer = expert.answer(query(turned, name), Question(name), Scope())
    assert sources(answer) == ["photo"]
    assert answer.matches[0].distance < 0.1 or name == "goldberg"


def test_the_turned_negative_is_one_of_goldberg_s_sixteen(expert: ExpertSearch) -> None:
    turned = saved(Image.fromarray(255 - np.rot90(np.asarray(photo(2)))), "JPEG", 90)
    answer = expert.answer(query(turned, "goldberg"), Question("goldberg"), Scope())
    assert sources(answer) == ["photo2"]
    assert answer.matches[0].evidence[0].view == "negative rotated 270"


def test_a_mirrored_copy_is_found_by_the_longer_phash(expert: ExpertSearch) -> None:
    mirrored = saved(Image.fromarray(np.asarray(photo(1))[:, ::-1]), "JPEG", 80)
    (match,) = expert.answer(query(mirrored, "phash-576"), Question("phash-576"), Scope()).matches
    assert (match.picture.sources[0].id, match.evidence[0].view) == ("photo", "mirrored")


def test_whoever_asks_says_how_far(expert: ExpertSearch) -> None:
    asked = query(file("photo:q30"), "photodna")
    (match,) = expert.answer(asked, Question("photodna"), Scope()).matches
    distance = match.distance
    assert 0 < distance < 0.075
    for question, found in (
        (Question("photodna", distance), 1),
        (Question("photodna", distance * 0.99), 0),
        (Question.of("photodna", min_similarity=1 - distance), 1),
        (Question.of("photodna", min_similarity=1 - distance * 0.99), 0),
    ):
        assert question is not None
        assert len(expert.answer(asked, question, Scope()).matches) == found
    assert expert.answer(asked, Question("photodna", 0.0), Scope()).decision is Decision.NO


def test_what_is_near_enough_for_who_asks_is_at_least_a_maybe(expert: ExpertSearch) -> None:
    answer = expert.answer(query(file("photo:q30"), "tiles"), Question("tiles", 1.0), Scope())
    assert len(answer.matches) > 1
    assert {match.decision for match in answer.matches[1:]} == {Decision.MAYBE}
    assert [match.distance for match in answer.matches] == sorted(match.distance for match in answer.matches)
    assert {match.evidence[0].decision for match in answer.matches[1:]} == {Decision.MAYBE}


def test_the_manhattan_distance(expert: ExpertSearch, known: dict[str, Fingerprints]) -> None:
    asked = query(file("photo:q30"), "photodna")
    (match,) = expert.answer(asked, Question("photodna", 0.05, "manhattan"), Scope()).matches
    ours, theirs = (np.frombuffer(value, np.uint8).astype(int) for value in (asked.values["photodna"], known["photo"].values["photodna"]))
    assert match.distance == pytest.approx(np.abs(ours - theirs).sum() / 36720)
    assert (match.picture.sources[0].id, match.evidence[0].note) == ("photo", "manhattan distance")
    assert expert.answer(asked, Question("photodna", match.distance * 0.99, "manhattan"), Scope()).matches == ()


def test_beyond_what_the_index_finds_the_answer_says_so(expert: ExpertSearch) -> None:
    asked = query(file("photo:q30"), "pdq", "pdq-trimmed")
    assert expert.answer(asked, Question("pdq", 31 / 256), Scope()).warnings == ()
    assert "only some are found" in expert.answer(asked, Question("pdq", 32 / 256), Scope()).warnings[0]


def test_the_same_hash_is_in_its_bucket(collection: Collection, expert: ExpertSearch, known: dict[str, Fingerprints]) -> None:
    twin = replace(known["photo2"], sha256="ab" * 32, views={"as is": {"dhash": known["photo"].values["dhash"]}})
    near = bytearray(known["photo"].values["dhash"])
    near[7] ^= 1
    neighbour = replace(twin, sha256="cd" * 32, views={"as is": {"dhash": bytes(near)}})
    for one, name in ((twin, "twin"), (neighbour, "neighbour")):
        collection.add(one, [Source("file", name)])
    same, around = Question.of(same_hash="dhash"), Question("dhash", 1 / 64)
    assert same is not None
    assert sorted(sources(expert.answer(query(file("photo"), "dhash"), same, Scope()))) == ["photo", "twin"]
    assert sorted(sources(expert.answer(query(file("photo"), "dhash"), around, Scope()))) == ["neighbour", "photo", "twin"]


def test_the_same_hash_reads_one_list(collection: Collection, expert: ExpertSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(fingerprint: bytes) -> None:
        raise AssertionError("the neighbours were read, too")

    monkeypatch.setattr(collection.filing.bands["dhash"], "search", forbidden)
    assert sources(expert.answer(query(file("photo"), "dhash"), Question("dhash", 0.0, same=True), Scope())) == ["photo"]


@pytest.mark.parametrize("name", ["dhash", *NEW])
def test_flat_pictures_are_nobody_s_equals(collection: Collection, expert: ExpertSearch, name: str) -> None:
    collection.add(extract(file("white"), ALGORITHMS, Limits()), [Source("file", "white")])
    answer = expert.answer(query(file("black"), name), Question(name, 0.0, same=name == "dhash"), Scope())
    assert (answer.matches, answer.too_simple) == ((), True)


def test_pictures_filed_in_bulk_are_found_too(store_url: str, known: dict[str, Fingerprints]) -> None:
    collection = Collection(Store(lambda: store_url, "bulk:"), ALGORITHMS)
    one_by_one = {name: collection.filing.entries(7, {name: known["photo"].values[name]}) for name in NEW}
    assert all(one_by_one.values())
    for fingerprints in known.values():
        collection.add(fingerprints)
    record = collection.get(known["photo"].sha256)
    assert set(NEW) <= set(record.fingerprints)


METADATA = [
    ({"case": "A-1", "open": True, "tags": ["red", "blue"], "actor": {"name": "tinlark"}}, "first"),
    ({"case": "A-2", "count": 3, "actor": {"name": "tinlark"}}, "second"),
]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([], ["first", "second"]),
        (["case=A-1"], ["first"]),
        (["case=A-3"], []),
        (["open=true"], ["first"]),
        (["count=3"], ["second"]),
        (["tags=blue"], ["first"]),
        (["actor.name=tinlark"], ["first", "second"]),
        (["actor.name=tinlark", "case=A-2"], ["second"]),
        (["actor=tinlark"], []),
        (["case.name=A-1"], []),
        (["missing="], []),
    ],
)
def test_only_pictures_with_such_metadata(store_url: str, known: dict[str, Fingerprints], wanted: Sequence[str], found: list[str]) -> None:
    collection = Collection(Store(lambda: store_url, "test:"), ALGORITHMS)
    for number, (metadata, name) in enumerate(METADATA):
        collection.add(replace(known["photo"], sha256=f"{number:064x}"), [Source("file", name, metadata=metadata)])
    described = Described(wanted)
    for algorithm in ("goldberg", "phash-576"):
        scope = Scope(exclude=lambda record: not described(record))
        answer = ExpertSearch(collection, ALGORITHMS, Rules.load()).answer(query(file("photo"), algorithm), Question(algorithm), scope)
        assert sorted(sources(answer)) == found


def test_all_of_the_metadata_must_be_of_one_source() -> None:
    both = tuple(Source("file", str(n), metadata=metadata) for n, metadata in enumerate(({"a": "1"}, {"b": "2"})))
    record = Record(1, "ab" * 32, "PNG", (1, 1), 1, 0.0, {}, {}, sources=both)
    assert Described(["a=1"])(record) and Described(["b=2"])(record)
    assert not Described(["a=1", "b=2"])(record)


def test_a_sensitive_picture_is_not_asked_about_by_its_metadata() -> None:
    record = Record(1, "ab" * 32, "PNG", (1, 1), 1, 0.0, {}, {}, sources=(Source("file", "x", metadata={"a": "1"}),), sensitive=True)
    assert not Described(["a=1"])(record)
    assert Described([])(record)


def test_few_are_left_by_a_filter_but_they_are_compared(store_url: str, known: dict[str, Fingerprints]) -> None:
    """A vote names more than are compared, so that a filter may leave the last of them."""
    collection = Collection(Store(lambda: store_url, "test:"), ALGORITHMS)
    alike = {"as is": {"goldberg": known["photo"].values["goldberg"]}}
    for number in range(150):
        collection.add(replace(known["photo"], sha256=f"{number:064x}", views=alike), [Source("file", str(number))])
    expert, asked = ExpertSearch(collection, ALGORITHMS, Rules.load()), query(file("photo"), "goldberg")
    everything = expert.answer(asked, Question("goldberg"), Scope(limit=500))
    assert len(everything.matches) == 100
    last = expert.answer(asked, Question("goldberg"), Scope(exclude=lambda record: record.sources[0].id != "149"))
    assert sources(last) == ["149"]


def test_banks_of_the_kind_ignore_withhold(collection: Collection, expert: ExpertSearch, known: dict[str, Fingerprints]) -> None:
    bank = collection.banks.create("blank", kind="ignore")
    collection.note(collection.get(known["photo"].sha256), bank_ids=[bank.id])
    answer = expert.answer(query(file("photo"), "photodna"), Question("photodna"), Scope())
    assert (answer.decision, answer.matches, len(answer.suppressed)) == (Decision.NO, (), 1)


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        (Question("whash"), "is not enabled"),
        (Question("strange"), "is not enabled"),
        (Question("tlsh"), "not found by it"),
        (Question("pdq", metric="manhattan"), "no metric"),
        (Question("photodna", metric="cosine"), "no metric"),
        (Question("photodna", metric="manhattan"), "give the largest distance"),
        (Question("photodna", 0.0, same=True), "no hash that could be looked up"),
    ],
)
def test_what_an_algorithm_cannot_be_asked(expert: ExpertSearch, question: Question, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        expert.check(question)


def test_an_algorithm_without_thresholds_wants_a_distance(collection: Collection) -> None:
    silent = ExpertSearch(collection, ALGORITHMS, Rules({}))
    with pytest.raises(BadRequest, match="no thresholds of pdq"):
        silent.check(Question("pdq"))
    assert sources(silent.answer(query(file("photo:q30"), "pdq"), Question("pdq", 0.1), Scope())) == ["photo"]


@pytest.mark.parametrize(
    "options",
    [
        {"max_distance": 0.1},
        {"metric": "manhattan"},
        {"algorithm": "pdq", "min_similarity": 0.9, "max_distance": 0.1},
        {"algorithm": "pdq", "max_distance": 1.1},
        {"algorithm": "pdq", "min_similarity": -0.1},
        {"algorithm": "pdq", "max_distance": float("nan")},
        {"algorithm": "pdq", "same_hash": "dhash"},
        {"same_hash": "dhash", "max_distance": 0.1},
    ],
)
def test_options_that_do_not_fit(options: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        Question.of(**options)  # type: ignore[arg-type]


def test_no_options_are_no_expert_s_question() -> None:
    assert Question.of() is None


@pytest.mark.parametrize("wrong", ["", "case", "=A-1"])
def test_metadata_that_is_no_key_and_value(wrong: str) -> None:
    with pytest.raises(BadRequest, match="KEY=VALUE"):
        Described([wrong])
