"""Clusters and reviews in an export, and taken in again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from matcher.engine import Matcher
from matcher.errors import BadFile
from matcher.interchange.export import export_lines
from matcher.interchange.importer import Importer
from matcher.reviews import Verdict
from matcher.settings import Settings
from tests.matcher.pictures import encoded, photo


@pytest.fixture
def matcher(settings: Settings) -> Iterator[Matcher]:
    with Matcher.open(settings) as matcher:
        yield matcher


@pytest.fixture
def other(settings: Settings) -> Iterator[Matcher]:
    with Matcher.open(settings.with_overrides({"redis.prefix": "other:"})) as matcher:
        yield matcher


def filled(matcher: Matcher) -> list[str]:
    """Add five pictures: two clusters that were merged, and one that is said to differ."""
    shas = [matcher.add(encoded(photo(seed=seed)), banks=["ours"] if seed < 2 else []).record.sha256 for seed in range(5)]
    clustering, get = matcher.clustering, matcher.collection.get
    clustering.join(get(shas[0]), get(shas[1]))
    clustering.join(get(shas[2]), get(shas[3]))
    clustering.review(get(shas[1]), get(shas[2]), Verdict.SAME, "ana")
    clustering.review(get(shas[0]), get(shas[4]), Verdict.DIFFERENT, "ben")
    return shas


def written(matcher: Matcher, folder: Path, **chosen: list[str]) -> Path:
    path = folder / "export.jsonl"
    path.write_bytes(b"".join(export_lines(matcher, **chosen)))
    return path


def test_an_empty_store_gets_all_as_it_was(matcher: Matcher, other: Matcher, tmp_path: Path) -> None:
    matcher.banks.create("ours")
    shas = filled(matcher)
    path = written(matcher, tmp_path)
    for _ in range(2):
        Importer(other).run(path)
        assert [*export_lines(other)] == path.read_bytes().splitlines(keepends=True)
    cluster = other.get(shas[0]).cluster
    assert cluster == matcher.get(shas[0]).cluster == other.get(shas[3]).cluster
    (alias,) = matcher.collection.clusters.get(cluster).aliases
    assert other.collection.clusters.get(alias).id == cluster
    assert len([*other.collection.reviews.all()]) == 2
    assert other.search_sha256(shas[4]).matches == ()


def test_a_store_that_has_clusters_keeps_its_own_and_gains(matcher: Matcher, other: Matcher, tmp_path: Path) -> None:
    for each in (matcher, other):
        each.banks.create("ours")
    shas = [other.add(encoded(photo(seed=seed))).record.sha256 for seed in (3, 9)]
    other.clustering.join(*map(other.collection.get, shas))
    filled(matcher)
    Importer(other).run(written(matcher, tmp_path))
    found = {other.get(record.sha256).cluster for record in other.find() if record.sha256 != shas[0]}
    assert other.get(shas[0]).cluster == other.get(shas[1]).cluster
    assert len(found) == 2 and "" in found, "all but the one that is said to differ"


def test_what_a_person_had_apart_here_stays_apart(matcher: Matcher, other: Matcher, tmp_path: Path) -> None:
    for each in (matcher, other):
        each.banks.create("ours")
    shas = filled(matcher)
    path = written(matcher, tmp_path)
    Importer(other).run(path)
    cluster = other.collection.clusters.get(other.get(shas[0]).cluster)
    other.clustering.split(cluster, [other.collection.get(shas[0])])
    Importer(other).run(path)
    assert other.get(shas[0]).cluster == ""


def test_of_a_part_only_what_is_in_it_is_told(matcher: Matcher, tmp_path: Path) -> None:
    matcher.banks.create("ours")
    shas = filled(matcher)
    text = written(matcher, tmp_path, banks=["ours"]).read_text()
    assert '{"cluster":' in text and '{"review":' not in text
    assert all(sha256 not in text for sha256 in shas[2:])


def test_a_store_without_any_writes_what_every_kuato_reads(matcher: Matcher, tmp_path: Path) -> None:
    matcher.add(encoded(photo()))
    assert '"version":1' in written(matcher, tmp_path).read_text().splitlines()[0].split('"algorithms"')[0]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [('"by hand"', '"by magic"'), ('"verdict":"same"', '"verdict":"alike"'), ('{"cluster":{"id":"', '{"cluster":{"id":"x')],
)
def test_a_line_that_makes_no_sense_is_refused(matcher: Matcher, other: Matcher, tmp_path: Path, right: str, wrong: str) -> None:
    matcher.banks.create("ours")
    filled(matcher)
    path = written(matcher, tmp_path)
    assert right in path.read_text()
    path.write_text(path.read_text().replace(right, wrong))
    with pytest.raises(BadFile, match="nothing was imported") as failure:
        Importer(other).run(path)
    assert "SHA-256; the file" not in str(failure.value), "it is the line that is refused, not the sum"
    assert [*other.find()] == []
