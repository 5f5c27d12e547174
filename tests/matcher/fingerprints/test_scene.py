"""Scene tags and captions by small networks that the tests build."""

from pathlib import Path

import numpy as np
import pytest

from matcher.errors import BadSettings
from matcher.fingerprints.caption import Caption
from matcher.fingerprints.scene import Scene
from matcher.models.description import Description
from matcher.picture import Picture
from matcher.settings import Settings
from tests.matcher.models.networks import described, described_caption, described_scene, flat


def picture(pixels: np.ndarray) -> Picture:
    return Picture(b"", "PIXELS", (pixels.shape[1], pixels.shape[0]), pixels)


def scene(path: Path) -> Scene:
    return Scene(Description.load(path, "embedding.scene"))


class TestScene:
    def test_the_likeliest_label_becomes_a_tag(self, tmp_path: Path) -> None:
        fingerprint = scene(described_scene(tmp_path))
        found = fingerprint.compute(picture(flat("red")))
        assert found == b"100 Red things" and fingerprint.tags(found) == ("kuato-scene:red-things",)

    def test_as_many_as_are_likely_enough(self, tmp_path: Path) -> None:
        fingerprint = scene(described_scene(tmp_path, activation="sigmoid", least=0.6, most=2))
        assert fingerprint.compute(picture(np.full((9, 9, 3), 255, np.uint8))) == b"100 Red things\n100 green"
        assert fingerprint.compute(picture(np.full((9, 9, 3), (255, 0, 150), np.uint8))) == b"100 Red things\n85 blue"
        assert fingerprint.compute(picture(np.zeros((9, 9, 3), np.uint8))) is None

    def test_distance(self) -> None:
        found = Scene().distance(b"80 a\n20 b", [b"80 a\n20 b", b"20 a", b"50 c", b"80 a\n20 b\n20 c"])
        assert found == pytest.approx([0, 0.8, 1, 1 - 100 / 120])
        assert Scene().distance(b"80 a", []).shape == (0,)
        assert Scene().valid(b"80 a") and not Scene().valid(b"a") and not Scene().valid(b"\xff")

    def test_labels_that_do_not_fit(self, tmp_path: Path) -> None:
        path = described_scene(tmp_path)
        (tmp_path / "labels.txt").write_text("one\ntwo")
        with pytest.raises(BadSettings, match=r"the model tells 3 labels apart, .*labels.txt has 2"):
            scene(path).compute(picture(flat("red")))

    def test_without_labels_or_a_model(self, tmp_path: Path) -> None:
        with pytest.raises(BadSettings, match=r"a table \[labels\] is missing"):
            scene(described(tmp_path))
        with pytest.raises(BadSettings, match=r"name its description \(embedding.scene\)"):
            Scene.configured(Settings.load(environ={}))


class TestCaption:
    def caption(self, path: Path) -> Caption:
        return Caption(Description.load(path, "embedding.caption"))

    @pytest.mark.parametrize("colour", ["red", "green", "blue"])
    def test_it_writes_a_word_at_a_time(self, tmp_path: Path, colour: str) -> None:
        fingerprint = self.caption(described_caption(tmp_path))
        assert fingerprint.compute(picture(flat(colour))) == f"a {colour} picture".encode()

    def test_it_stops_at_its_length(self, tmp_path: Path) -> None:
        assert self.caption(described_caption(tmp_path, length=2)).compute(picture(flat("red"))) == b"a red"

    def test_nothing_to_say(self, tmp_path: Path) -> None:
        assert self.caption(described_caption(tmp_path, end=2)).compute(picture(flat("red"))) is None

    def test_a_decoder_that_is_none(self, tmp_path: Path) -> None:
        path = described_caption(tmp_path)
        path.write_text(path.read_text().replace('"decoder.onnx"', '"image.onnx"').replace('"tokens"', '"pixels"'))
        with pytest.raises(BadSettings, match=r"has no input 'features'|has no input left"):
            self.caption(path).compute(picture(flat("red")))

    def test_without_a_decoder_or_a_model(self, tmp_path: Path) -> None:
        with pytest.raises(BadSettings, match=r"a table \[decoder\] is missing"):
            self.caption(described(tmp_path))
        with pytest.raises(BadSettings, match=r"name its description \(embedding.caption\)"):
            Caption.configured(Settings.load(environ={}))
