"""Embeddings, scene tags and captions all the way: from files through the workers into a store, and found again."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from matcher.cli import kuato as command
from matcher.engine import Matcher
from matcher.errors import BadRequest, BadSettings
from matcher.match import Decision
from matcher.settings import Settings
from tests.matcher.models.networks import COLOURS, described, described_caption, described_scene, flat
from tests.matcher.pictures import encoded

Open = Callable[..., Matcher]


@pytest.fixture
def open_matcher(settings: Settings) -> Iterator[Open]:
    opened: list[Matcher] = []

    def make(**overrides: Any) -> Matcher:
        given = {name.replace("__", "."): value for name, value in overrides.items()}
        opened.append(Matcher.open(settings.with_overrides({"picture.max_seconds": 20, **given})))
        return opened[-1]

    yield make
    for matcher in opened:
        matcher.close()


def noise(seed: int, colour: str = "red") -> bytes:
    random = np.random.default_rng(seed)
    return encoded(np.clip(flat(colour).astype(int) + random.integers(-60, 60, (30, 40, 3)), 0, 255).astype(np.uint8))


def test_near_pictures_are_found_by_their_embedding(open_matcher: Open, tmp_path: Path) -> None:
    matcher = open_matcher(fingerprints__enabled="embedding", embedding__model=described(tmp_path))
    known = {name: matcher.add(noise(1, name)).record.sha256 for name in COLOURS}
    for name in COLOURS:
        [match] = matcher.search(noise(2, name)).matches
        assert match.picture.sha256 == known[name]
        assert [(one.algorithm, one.decision) for one in match.evidence] == [("embedding", Decision.YES)]
        assert match.decision is Decision.MAYBE  # one family alone is never sure


def test_a_query_is_expanded_by_its_neighbours(open_matcher: Open, tmp_path: Path) -> None:
    chosen = {"fingerprints__enabled": "embedding", "embedding__model": described(tmp_path)}
    matcher = open_matcher(**chosen)
    for seed in range(4):
        matcher.add(noise(seed))
    query = noise(9)
    plain = {match.picture.sha256: match.distance for match in matcher.search(query).matches}
    moved = {
        match.picture.sha256: match.distance
        for match in open_matcher(**chosen, embedding__expansion=4, embedding__alpha=1.0).search(query).matches
    }
    assert len(plain) == 4 and plain.keys() == moved.keys()
    assert sum(moved.values()) < sum(plain.values())


def test_pictures_are_found_by_what_a_text_describes(open_matcher: Open, tmp_path: Path) -> None:
    matcher = open_matcher(fingerprints__enabled="pdq,embedding", embedding__model=described(tmp_path, text=True))
    matcher.banks.create("one")
    matcher.banks.create("blank", kind="ignore")
    known = {name: matcher.add(noise(1, name), banks=["one"] if name == "blue" else []).record.sha256 for name in COLOURS}
    for name in COLOURS:
        answer = matcher.search_description(f"a {name} picture", limit=2)
        assert answer.matches[0].picture.sha256 == known[name] and len(answer.matches) == 2
        assert answer.decision is Decision.MAYBE
    assert [m.picture.sha256 for m in matcher.search_description("red", banks=["one"]).matches] == [known["blue"]]
    matcher.set_banks(known["red"], add=["blank"])
    assert known["red"] not in [m.picture.sha256 for m in matcher.search_description("red").matches]
    for text in ("", "x" * 501):
        with pytest.raises(BadRequest, match="1 to 500 characters"):
            matcher.search_description(text)


def test_only_the_newest_are_looked_at(open_matcher: Open, tmp_path: Path) -> None:
    path = described(tmp_path, text=True)
    matcher = open_matcher(fingerprints__enabled="embedding", embedding__model=path, embedding__scan=2)
    added = [matcher.add(noise(seed)).record.sha256 for seed in range(3)]
    answer = matcher.search_description("red")
    assert {match.picture.sha256 for match in answer.matches} == set(added[1:]) and answer.truncated


def test_a_description_needs_a_model_of_texts(open_matcher: Open, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"needs a table \[text\]"):
        open_matcher(fingerprints__enabled="embedding", embedding__model=described(tmp_path)).search_description("red")
    with pytest.raises(BadRequest, match=r'fingerprints.enabled = \[.., "embedding"\]'):
        open_matcher().search_description("red")


def test_scene_tags_and_captions(open_matcher: Open, tmp_path: Path) -> None:
    models = {"embedding__scene": described_scene(tmp_path), "embedding__caption": described_caption(tmp_path)}
    matcher = open_matcher(fingerprints__enabled="pdq,scene,caption", sensitive__tags="secret", **models)
    red = matcher.add(noise(1), tags=["mine"]).record
    assert red.tags == ("mine", "kuato-scene:red-things")
    assert [record.sha256 for record in matcher.find(tag="kuato-scene:red-things")] == [red.sha256]
    assert matcher.text_on(red) == {"caption": "a red picture"}
    matcher.add(noise(1, "blue"))
    [match] = matcher.search_text("red picture").matches
    assert match.picture.sha256 == red.sha256 and match.evidence[0].algorithm == "caption"


def test_of_a_sensitive_picture_no_scene_is_told(open_matcher: Open, tmp_path: Path) -> None:
    matcher = open_matcher(fingerprints__enabled="scene", embedding__scene=described_scene(tmp_path), sensitive__tags="secret")
    matcher.banks.create("raids", sensitive=True)
    assert matcher.add(noise(1), tags=["secret:1"]).record.tags == ("secret:1",)
    assert matcher.add(noise(1)).record.tags == ("secret:1",)
    assert matcher.add(noise(2), banks=["raids"]).record.tags == ()
    record = matcher.add(noise(3)).record
    assert record.tags == ("kuato-scene:red-things",) and "scene" in matcher.shown_fingerprints(record)
    matcher.set_banks(record.sha256, add=["raids"])
    assert matcher.shown_fingerprints(matcher.get(record.sha256)) == {}


def test_a_model_that_does_not_load_is_an_error_of_the_settings(open_matcher: Open, tmp_path: Path) -> None:
    path = described(tmp_path)
    (tmp_path / "image.onnx").write_bytes(b"no network")
    with pytest.raises(BadSettings, match="is no ONNX model"):
        open_matcher(fingerprints__enabled="pdq,embedding", embedding__model=path).add(noise(1))


def test_another_model_is_another_version(open_matcher: Open, tmp_path: Path) -> None:
    path = described(tmp_path)
    first = open_matcher(fingerprints__enabled="embedding", embedding__model=path)
    first.add(noise(1))
    for size in (16, 16):  # another description of the same model: what was stored is not compared with it
        second = open_matcher(fingerprints__enabled="embedding", embedding__model=described(tmp_path, size=size, filter="box"))
    assert second.algorithms["embedding"].version != first.algorithms["embedding"].version
    assert second.search(noise(2)).matches == ()
    second.add(noise(1))  # brought up to date
    assert len(second.search(noise(2)).matches) == 1


def test_a_whitening_is_fitted_to_what_is_known(open_matcher: Open, settings: Settings, tmp_path: Path) -> None:
    path = described(tmp_path)
    options = [f"--set={name}={settings[name]}" for name in ("redis.url", "data.dir", "workers.count")]
    options += ["--set=fingerprints.enabled=embedding", f"--set=embedding.model={path}"]

    def whitening() -> Result:
        return CliRunner().invoke(command, [*options, "whitening", str(tmp_path / "pca.npz")], prog_name="kuato")

    assert "no picture has an embedding yet" in whitening().output
    matcher = open_matcher(fingerprints__enabled="embedding", embedding__model=path)
    random = np.random.default_rng(1)
    for n in range(50):
        matcher.add(encoded(random.integers(0, 256, (16, 16, 3), np.uint8)))
        if n == 10:
            assert "more vectors than they have dimensions, but there are 11 x 48" in whitening().output
    assert "fitted to 50 pictures, 48 dimensions" in whitening().output
    described(tmp_path, whitening="pca.npz")
    assert "whitened already" in whitening().output
    whitened = open_matcher(fingerprints__enabled="embedding", embedding__model=path)
    assert whitened.add(noise(1)).record.fingerprints.keys() == {"embedding"}


def test_the_doctor_finds_them_filed_and_files_what_is_missing(open_matcher: Open, settings: Settings, tmp_path: Path) -> None:
    models = {"embedding__model": described(tmp_path), "embedding__caption": described_caption(tmp_path)}
    matcher = open_matcher(fingerprints__enabled="embedding,caption", **models)
    known = matcher.add(noise(1)).record.sha256
    options = [f"--set={name}={settings[name]}" for name in ("redis.url", "data.dir", "workers.count")]
    options += ["--set=fingerprints.enabled=embedding,caption"]
    options += [f"--set={name.replace('__', '.')}={path}" for name, path in models.items()]

    def doctor() -> Result:
        return CliRunner().invoke(command, [*options, "doctor", "--deep", "--json"], prog_name="kuato")

    assert json.loads(doctor().stdout)["clean"]
    store = matcher.collection.store
    assert store.clear(kept=[key for kind in (b"m", b"n", b"r", b"f", b"c", b"i", b"b") for key in store.scan(kind)]) > 10
    assert matcher.search(noise(2)).matches == () and matcher.search_text("red picture").matches == ()
    assert doctor().exit_code in (0, 1)
    assert [match.picture.sha256 for match in matcher.search(noise(2)).matches] == [known]
    assert [match.picture.sha256 for match in matcher.search_text("red picture").matches] == [known]
