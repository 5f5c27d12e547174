"""ONNX networks, run by onnxruntime on one thread, and what is done to pictures before and to vectors after."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matcher.errors import BadSettings
from matcher.models.description import ImageModel
from matcher.picture import Pixels

Vector = NDArray[np.float32]

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR, "box": Image.Resampling.BOX}
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(int64)": np.int64, "tensor(int32)": np.int32}
_GREY = 127


class Network:
    """A network loaded from a file. where: what errors call its description. Raises BadSettings."""

    def __init__(self, model: Path, where: str) -> None:
        runtime = onnxruntime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._where = where
        try:
            self._session = runtime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - what it raises is of no public kind
            raise BadSettings(f"{where}: {model} is no ONNX model that onnxruntime can load: {str(error)[:300]}") from None
        self._inputs = {one.name: one for one in self._session.get_inputs()}
        self._outputs = [one.name for one in self._session.get_outputs()]

    def input(self, name: str = "", instead_of: Sequence[str] = ()) -> str:
        """Return the name of an input: this one if there is, the first where none is asked for. instead_of: those already taken."""
        return self._named(name, [one for one in self._inputs if one not in instead_of], "input")

    def output(self, name: str = "") -> str:
        """Return the name of an output: this one if there is, the first where none is asked for."""
        return self._named(name, self._outputs, "output")

    def run(self, output: str, given: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """Return one output for these inputs, each turned into the type that is wanted. Raises BadSettings for what cannot be its input."""
        feed = {name: value.astype(_TYPES.get(self._inputs[name].type, value.dtype)) for name, value in given.items()}
        try:
            return np.asarray(self._session.run([output], feed)[0])
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            shapes = ", ".join(f"{name} {list(value.shape)}" for name, value in given.items())
            raise BadSettings(f"{self._where}: the model does not take {shapes}: {str(error)[:300]}") from None

    def _named(self, name: str, there: Sequence[str], what: str) -> str:
        if name and name not in there:
            raise BadSettings(f"{self._where}: the model has no {what} {name!r}; it has {', '.join(there)}")
        if not there:
            raise BadSettings(f"{self._where}: the model has no {what} left")
        return name or there[0]


class ImageNetwork:
    """A network that is given a picture, prepared as its description says. Loaded when first used."""

    def __init__(self, description: ImageModel) -> None:
        self._described = description
        self._network: Network | None = None

    def run(self, rgb: Pixels) -> NDArray[np.float32]:
        """Return the output for a picture, uint8 (height, width, 3), with all its dimensions."""
        described = self._described
        if self._network is None:
            self._network = Network(described.model, described.where)
        network = self._network
        given = {network.input(described.input): prepared(rgb, described)}
        return network.run(network.output(described.output), given).astype(np.float32)

    def vector(self, rgb: Pixels) -> Vector:
        """Return the output as one vector, float32 (n,), pooled over places where there are some."""
        found = self.run(rgb)
        if found.ndim == 4:  # channels before places
            found = found.reshape(*found.shape[:2], -1).swapaxes(1, 2)
        if found.ndim == 3 and self._described.pool != "none":
            found = found[:, 0] if self._described.pool == "first" else found.mean(axis=1)
        if found.ndim != 2 or found.shape[0] != 1:
            wanted = "a vector, [1, n]; name another output, or set pool"
            raise BadSettings(f"{self._described.where}: the model's output is {list(found.shape)}, but must be {wanted}")
        if not np.isfinite(found).all():
            raise ValueError("the model's output is not finite")
        return np.asarray(found[0], np.float32)


def prepared(rgb: Pixels, described: ImageModel) -> NDArray[np.float32]:
    """Return a picture, uint8 (height, width, 3), as the tensor a model wants, float32 (1, 3, h, w) or (1, h, w, 3)."""
    image = Image.fromarray(np.ascontiguousarray(rgb))
    if described.resize == "stretch":
        size = (described.size, described.size)
    else:
        if described.resize == "shorter":
            image = _middle(image)
        scale = described.size / (min if described.resize == "shorter" else max)(image.size)
        size = (max(1, round(image.size[0] * scale)), max(1, round(image.size[1] * scale)))
    image = image.resize(size, _FILTERS[described.filter])
    if described.resize == "pad":
        paper = Image.new("RGB", (described.size, described.size), (_GREY,) * 3)
        paper.paste(image, ((described.size - size[0]) // 2, (described.size - size[1]) // 2))
        image = paper
    if described.crop:
        left, top = (image.size[0] - described.crop) // 2, (image.size[1] - described.crop) // 2
        image = image.crop((left, top, left + described.crop, top + described.crop))
    values = (np.asarray(image, np.float32) / 255 - np.array(described.mean, np.float32)) / np.array(described.std, np.float32)
    if described.channels == "BGR":
        values = values[..., ::-1]
    return np.ascontiguousarray((values if described.layout == "NHWC" else values.transpose(2, 0, 1))[None], np.float32)


def _middle(image: Image.Image) -> Image.Image:
    """Return the middle of a strip, at most eight times as long as it is wide: all of it would become a tensor of gigabytes."""
    width, height = image.size
    longest = 8 * min(width, height)
    left, top = max(0, (width - longest) // 2), max(0, (height - longest) // 2)
    return image.crop((left, top, left + min(width, longest), top + min(height, longest)))


def unit(vector: NDArray[Any]) -> Vector:
    """Return vectors (.., n) at length 1, float32; zero stays zero."""
    length = np.linalg.norm(vector.astype(np.float64), axis=-1, keepdims=True)
    return np.asarray(vector / np.maximum(length, 1e-12), np.float32)


def onnxruntime() -> Any:
    """Return the package. Raises BadSettings where the extra is missing."""
    return extra("onnxruntime")


def extra(name: str) -> Any:
    """Return a package of the extra `embedding`. Raises BadSettings where it is missing."""
    try:
        return import_module(name)
    except ImportError:
        raise BadSettings(
            f"embeddings, scene tags and captions need the extra `embedding` ({name}): pip install 'kuato[embedding]'"
        ) from None


def tokenizer(file: Path, where: str) -> Any:
    """Return the tokenizer in a tokenizer.json. Raises BadSettings."""
    try:
        return extra("tokenizers").Tokenizer.from_file(str(file))
    except BadSettings:
        raise
    except Exception as error:  # noqa: BLE001 - the package raises nothing narrower
        raise BadSettings(f"{where}: {file} is no tokenizer.json: {str(error)[:200]}") from None
