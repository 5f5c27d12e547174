"""Embeddings by a small network that the tests build."""

import os
from pathlib import Path
from typing import ClassVar

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.errors import BadRequest, BadSettings
from matcher.fingerprints.embedding import Embedding, packed, vector_of
from matcher.models.description import Description
from matcher.models.network import ImageNetwork, prepared, unit
from matcher.models.whitening import Whitening
from matcher.picture import Picture
from matcher.settings import Settings
from tests.matcher.fingerprints.contract import FingerprintContract, computed
from tests.matcher.fingerprints.drawn import drawn
from tests.matcher.models import networks
from tests.matcher.models.networks import COLOURS, described, flat


def made(path: Path) -> Embedding:
    return Embedding(Description.load(path, "embedding.model"))


def picture(pixels: np.ndarray) -> Picture:
    return Picture(b"", "PIXELS", (pixels.shape[1], pixels.shape[0]), pixels)


class TestContract(FingerprintContract):
    fingerprint: ClassVar[Embedding] = Embedding()
    same = [("page", "page:q30"), ("photo", "photo:half")]
    different = [("page", "photo"), ("photo", "photo2"), ("page", "page2")]
    too_simple = []

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _model(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        cls.fingerprint = made(described(tmp_path_factory.mktemp("model")))

    def test_it_gives_the_same_bytes_every_time(self) -> None:
        again = Embedding(self.fingerprint._described)
        for name in self.names():
            assert again.compute(drawn(name)) == computed(self.fingerprint, name)

    def test_a_vector_of_zeros_is_too_simple(self) -> None:
        # The network subtracts the middle of what brightness can be, but no pixel has it.
        assert packed(np.array([0.5, -1.0, 0.0])) == bytes([64, 129, 0])


def test_it_is_the_networks_output(tmp_path: Path) -> None:
    fingerprint = made(described(tmp_path))
    found = fingerprint.compute(picture(flat("red")))
    assert found is not None and fingerprint.valid(found) and len(found) == 4 + 48
    assert vector_of(found) == pytest.approx(unit(np.repeat([1, -1, -1], 16)), abs=0.01)


def test_distances_are_those_of_the_angle(tmp_path: Path) -> None:
    fingerprint = made(described(tmp_path))
    values = {name: fingerprint.compute(picture(flat(name))) or b"" for name in COLOURS}
    found = fingerprint.distance(values["red"], [values["red"], values["green"], b"xxxx" + values["red"][4:], values["red"][:-1]])
    assert found == pytest.approx([0, 2 / 3, 1, 1], abs=0.01)
    opposite = values["red"][:4] + (-np.frombuffer(values["red"][4:], np.int8)).tobytes()
    assert fingerprint.distance(values["red"], [opposite]) == pytest.approx([1])


@given(st.integers(1, 10_000))
def test_near_vectors_have_near_sketches(seed: int) -> None:
    random = np.random.default_rng(seed)
    vector = random.normal(0, 1, 128)
    sketch = {}
    for name, noise in (("same", 0.0), ("near", 0.1), ("far", 50.0)):
        sketch[name] = np.frombuffer(Embedding().sketch(b"test" + packed(vector + noise * random.normal(0, 1, 128))), np.uint8)
    differing = {name: int(np.bitwise_count(one ^ sketch["same"]).sum()) for name, one in sketch.items()}
    assert len(sketch["same"]) == 32
    assert differing["same"] == 0 and differing["near"] < 31 and differing["far"] > 70


def test_sketches_are_the_same_everywhere() -> None:
    value = b"test" + bytes(range(64))
    assert Embedding().sketch(value).hex()[:16] == Embedding().sketch(b"more" + value[4:]).hex()[:16]


class TestPreparation:
    def prepared(self, tmp_path: Path, pixels: np.ndarray, **values: object) -> np.ndarray:
        return prepared(pixels, Description.load(described(tmp_path, **values), "x").image)

    def test_layout_channels_mean_and_std(self, tmp_path: Path) -> None:
        pixels = np.full((20, 20, 3), (255, 0, 51), np.uint8)
        found = self.prepared(tmp_path, pixels, mean=[0.5, 0, 0.1], std=[0.5, 1, 0.1])
        assert found.shape == (1, 3, 16, 16) and found[0, :, 3, 5] == pytest.approx([1, 0, 1], abs=1e-6)
        found = self.prepared(tmp_path, pixels, mean=[0, 0, 0], std=[1, 1, 1], layout="NHWC", channels="BGR")
        assert found.shape == (1, 16, 16, 3) and found[0, 3, 5] == pytest.approx([0.2, 0, 1], abs=1e-6)

    @pytest.mark.parametrize(
        ("values", "shape"),
        [
            ({"resize": "shorter"}, (16, 32)),
            ({"resize": "shorter", "crop": 12}, (12, 12)),
            ({"resize": "pad"}, (16, 16)),
            ({"resize": "stretch", "crop": 10}, (10, 10)),
        ],
    )
    def test_sizes(self, tmp_path: Path, values: dict[str, object], shape: tuple[int, int]) -> None:
        assert self.prepared(tmp_path, np.zeros((50, 100, 3), np.uint8), **values).shape[2:] == shape

    def test_the_middle_is_cropped_and_padding_is_grey(self, tmp_path: Path) -> None:
        pixels = np.zeros((40, 120, 3), np.uint8)
        pixels[:, 40:80] = 255
        assert self.prepared(tmp_path, pixels, resize="shorter", crop=8, mean=[0, 0, 0], std=[1, 1, 1]).min() == 1
        padded = self.prepared(tmp_path, pixels, resize="pad", mean=[0, 0, 0], std=[1, 1, 1])[0, 0]
        assert padded[0, 0] == padded[-1, -1] == pytest.approx(127 / 255)

    def test_a_strip_becomes_no_tensor_of_gigabytes(self, tmp_path: Path) -> None:
        found = self.prepared(tmp_path, np.zeros((2, 20_000, 3), np.uint8), resize="shorter")
        assert found.shape == (1, 3, 16, 128)

    @pytest.mark.parametrize(("preset", "size"), [("sscd", 320), ("dinov2", 224), ("clip", 224)])
    def test_presets(self, tmp_path: Path, preset: str, size: int) -> None:
        networks.image_encoder(tmp_path / "image.onnx")
        (tmp_path / "model.toml").write_text(f'preset = "{preset}"\nmodel = "image.onnx"')
        image = Description.load(tmp_path / "model.toml", "embedding.model").image
        assert prepared(np.zeros((300, 500, 3), np.uint8), image).shape == (1, 3, size, size)

    @pytest.mark.parametrize(("pool", "expected"), [("first", [0, 1]), ("mean", [2, 3])])
    def test_pooling(self, tmp_path: Path, pool: str, expected: list[float]) -> None:
        """Of an output of three places the first, or the mean of all."""
        table = np.array([[[0, 1], [2, 3], [4, 5]]], np.float32)
        nodes = [
            onnx.helper.make_node("ReduceSum", ["pixels"], ["sum"], keepdims=0),
            onnx.helper.make_node("Mul", ["sum", "zero"], ["nothing"]),
            onnx.helper.make_node("Add", ["table", "nothing"], ["places"]),
        ]
        inputs = {"pixels": (onnx.TensorProto.FLOAT, [1, 3, 16, 16])}
        networks.save(tmp_path / "places.onnx", nodes, inputs, ("places", [1, 3, 2]), table=table, zero=np.array(0, np.float32))
        image = Description.load(described(tmp_path, model="places.onnx", pool=pool), "x").image
        assert ImageNetwork(image).vector(flat("red")).tolist() == expected
        image = Description.load(described(tmp_path, model="places.onnx"), "x").image
        with pytest.raises(BadSettings, match=r"output is \[1, 3, 2\], but must be a vector, \[1, n\]; name another output, or set pool"):
            ImageNetwork(image).vector(flat("red"))


def test_whitening_is_applied(tmp_path: Path) -> None:
    plain = made(described(tmp_path))
    random = np.random.default_rng(3)
    pictures = [picture(random.integers(0, 256, (16, 16, 3), np.uint8)) for _ in range(80)]
    vectors = np.stack([plain._image.vector(one.rgb()) for one in pictures])
    Whitening.fitted(unit(vectors)).save(tmp_path / "pca.npz")
    whitened = made(described(tmp_path, whitening="pca.npz"))
    assert whitened.version != plain.version or whitened._described.digest != plain._described.digest
    values = [whitened.compute(one) or b"" for one in pictures]
    spread = [plain.distance(v[0], v[1:]).std() for v in ([plain.compute(one) or b"" for one in pictures], values)]
    assert spread[1] < spread[0]
    Whitening.fitted(random.normal(0, 1, (9, 5))).save(tmp_path / "pca.npz")
    with pytest.raises(BadSettings, match="the whitening has 5 dimensions, the model's output has 48"):
        made(described(tmp_path, whitening="pca.npz")).compute(pictures[0])


def test_a_text_lies_beside_the_pictures_it_describes(tmp_path: Path) -> None:
    fingerprint = made(described(tmp_path, text=True))
    values = [fingerprint.compute(picture(flat(name))) or b"" for name in COLOURS]
    for place, name in enumerate(COLOURS):
        assert fingerprint.distance(fingerprint.describe(f"a {name} picture"), values).argmin() == place
    assert fingerprint.describe("red " * 50)  # more than the model takes
    with pytest.raises(BadRequest, match="makes nothing of this text"):
        fingerprint.describe("a")


def test_a_model_of_pictures_alone_takes_no_text(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"needs a table \[text\]"):
        made(described(tmp_path)).describe("red")


def test_expansion(tmp_path: Path) -> None:
    fingerprint = made(described(tmp_path))
    red, green = (fingerprint.compute(picture(flat(name))) or b"" for name in ("red", "green"))
    assert fingerprint.expanded(red, [], 3, 3.0) == red
    assert fingerprint.expanded(red, [b"other" + green], 3, 3.0) == red
    moved = fingerprint.expanded(red, [red, green], 2, 0.0)
    assert fingerprint.distance(moved, [green])[0] < fingerprint.distance(red, [green])[0]


def test_a_model_has_a_version_of_its_own(tmp_path: Path) -> None:
    digests = {made(described(tmp_path, **values))._described.digest for values in ({}, {"size": 32}, {"filter": "box"})}
    networks.colour_encoder(tmp_path / "image.onnx")
    digests.add(made(described(tmp_path))._described.digest)
    assert len(digests) == 4
    assert 1 <= made(described(tmp_path)).version <= 255


class TestErrors:
    @pytest.mark.parametrize(
        ("values", "why"),
        [
            ({"model": "none.onnx"}, r"model names .*none.onnx, which is not there"),
            ({"sise": 3}, r"there is no 'sise'; there are model, input, output, preset, size"),
            ({"size": 3}, "size is 8 to 4096"),
            ({"crop": 200}, "crop at most size"),
            ({"size": "large"}, "size cannot be 'large'"),
            ({"size": True}, "size cannot be True"),
            ({"mean": [1, 2]}, "mean and std are three numbers"),
            ({"std": [1, 0, 1]}, "no std is 0"),
            ({"mean": "grey"}, "mean cannot be 'grey'"),
            ({"resize": "crop"}, "resize is 'crop', but must be one of shorter, stretch, pad"),
            ({"preset": "vit"}, "there is no preset 'vit'; there are sscd, dinov2, clip"),
            ({"text": "encoder.onnx"}, "text must be a table"),
            ({"text": {"model": "image.onnx"}}, r"\[text\]: tokenizer is missing; name a file"),
            ({"whitening": "none.npz"}, "whitening names .*none.npz, which is not there"),
        ],
    )
    def test_in_the_description(self, tmp_path: Path, values: dict[str, object], why: str) -> None:
        path = described(tmp_path)
        text = path.read_text()
        for name, value in values.items():
            kept = [line for line in text.splitlines() if not line.startswith(f"{name} =")]
            shown = str(value).replace("True", "true").replace("'", '"') if not isinstance(value, str) else f'"{value}"'
            shown = '{model = "image.onnx"}' if isinstance(value, dict) else shown
            text = "\n".join([*kept, f"{name} = {shown}"])
        path.write_text(text)
        with pytest.raises(BadSettings, match=why):
            Description.load(path, "embedding.model")

    def test_no_model_is_named(self) -> None:
        assert Embedding().version == 1
        with pytest.raises(BadSettings, match=r"has no model; name its description \(embedding.model\)"):
            Embedding.configured(Settings.load(environ={}))
        with pytest.raises(BadSettings, match="has no model"):
            Embedding().compute(picture(flat("red")))

    def test_no_description(self, tmp_path: Path) -> None:
        with pytest.raises(BadSettings, match=r"none.toml cannot be read: No such file or directory \(embedding.model\)"):
            Description.load(tmp_path / "none.toml", "embedding.model")
        (tmp_path / "bad.toml").write_text("model =")
        with pytest.raises(BadSettings, match="bad.toml is no TOML"):
            Description.load(tmp_path / "bad.toml", "embedding.model")

    def test_no_extra(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
        settings = Settings.load(environ={}, overrides={"embedding.model": described(tmp_path)})
        with pytest.raises(BadSettings, match=r"pip install 'kuato\[embedding\]'"):
            Embedding.configured(settings)

    def test_no_network(self, tmp_path: Path) -> None:
        (tmp_path / "image.onnx").write_bytes(os.urandom(100))
        with pytest.raises(BadSettings, match="image.onnx is no ONNX model that onnxruntime can load"):
            made(described(tmp_path)).compute(picture(flat("red")))

    def test_another_shape_than_the_network_takes(self, tmp_path: Path) -> None:
        with pytest.raises(BadSettings, match=r"the model does not take pixels \[1, 3, 32, 32\]"):
            made(described(tmp_path, size=32)).compute(picture(flat("red")))

    @pytest.mark.parametrize("what", ["input", "output"])
    def test_a_name_that_the_network_has_not(self, tmp_path: Path, what: str) -> None:
        with pytest.raises(BadSettings, match=f"the model has no {what} 'x'; it has "):
            made(described(tmp_path, **{what: "x"})).compute(picture(flat("red")))

    def test_a_tokenizer_that_is_none(self, tmp_path: Path) -> None:
        path = described(tmp_path, text=True)
        (tmp_path / "tokenizer.json").write_text("{}")
        with pytest.raises(BadSettings, match=r"tokenizer.json is no tokenizer.json"):
            made(path).describe("red")
