"""What an operator says of a model in a small TOML file: where it is, how a picture is prepared for it, what its output means.

preset = "clip"                 # sscd, dinov2, clip: the values below as that model wants them
model = "clip-image.onnx"       # paths are relative to this file
size = 224                      # pixels
resize = "shorter"              # the shorter side becomes size; "stretch": both sides; "pad": the longer, the rest is grey
crop = 224                      # the middle so many pixels a side; 0: all
filter = "bicubic"              # or "bilinear", "box"
mean = [0.481, 0.458, 0.408]    # of pixels in 0..1
std = [0.269, 0.261, 0.276]
channels = "RGB"                # or "BGR"
layout = "NCHW"                 # or "NHWC"
input = "pixel_values"          # names; empty: the only or first one
output = "image_embeds"
pool = "none"                   # of an output with a vector a place: "first" (the class token), "mean"
whitening = "pca.npz"           # mean, components, explained_variance; empty: none
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from matcher.errors import BadSettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
PRESETS: dict[str, dict[str, Any]] = {
    "sscd": {"size": 320, "resize": "stretch", "filter": "bilinear", **_IMAGENET},
    "dinov2": {"size": 256, "resize": "shorter", "crop": 224, "filter": "bicubic", "pool": "first", **_IMAGENET},
    "clip": {
        "size": 224,
        "resize": "shorter",
        "crop": 224,
        "filter": "bicubic",
        "mean": (0.48145466, 0.4578275, 0.40821073),
        "std": (0.26862954, 0.26130258, 0.27577711),
    },
}
_CHOICES = {
    "preset": ("", *PRESETS),
    "resize": ("shorter", "stretch", "pad"),
    "filter": ("bicubic", "bilinear", "box"),
    "channels": ("RGB", "BGR"),
    "layout": ("NCHW", "NHWC"),
    "pool": ("none", "first", "mean"),
    "activation": ("softmax", "sigmoid", "none"),
}
_SAMPLE = 1 << 20


@dataclass(frozen=True)
class Part:
    """What all models have: the file, and the names of an input and an output, empty for the first. where: file and table, for errors."""

    model: Path
    where: str = ""
    input: str = ""
    output: str = ""


@dataclass(frozen=True)
class ImageModel(Part):
    """A model that is given a picture. The fields are explained above."""

    preset: str = ""
    size: int = 224
    resize: str = "shorter"
    crop: int = 0
    filter: str = "bicubic"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    channels: str = "RGB"
    layout: str = "NCHW"
    pool: str = "none"
    whitening: Path | None = None


@dataclass(frozen=True)
class TextModel(Part):
    """Table [text]: the encoder of descriptions. tokenizer: a tokenizer.json. mask: name of the input that tells tokens from padding.

    length: of all inputs, in tokens. pad: the token that fills what is left.
    """

    tokenizer: Path = Path()
    mask: str = ""
    length: int = 77
    pad: int = 0


@dataclass(frozen=True)
class LabelModel:
    """Table [labels]: what the numbers of a classifier mean.

    file: a label a line. activation: what makes shares of its output. least: share from which a label is told. most: labels told.
    """

    where: str = ""
    file: Path = Path()
    activation: str = "softmax"
    least: float = 0.3
    most: int = 3


@dataclass(frozen=True)
class WordModel(Part):
    """Table [decoder]: writes a caption from the image model's output, a token at a time.

    input: name of the tokens so far. features: name of the image's features. tokenizer: a tokenizer.json.
    start, end: tokens. length: tokens at most.
    """

    features: str = ""
    tokenizer: Path = Path()
    start: int = 0
    end: int = 0
    length: int = 30


@dataclass(frozen=True)
class Description:
    """One description file. digest: changes with the file and the models, so that vectors of two are never compared."""

    image: ImageModel
    digest: bytes
    text: TextModel | None = None
    labels: LabelModel | None = None
    decoder: WordModel | None = None

    @classmethod
    def load(cls, path: Path | str, setting: str) -> "Description":
        """Return the description in a file that a setting names. Raises BadSettings, which says what is wrong where."""
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
            table = tomllib.loads(text)
        except OSError as error:
            raise BadSettings(f"the model's description {path} cannot be read: {error.strerror} ({setting})") from None
        except ValueError as error:
            raise BadSettings(f"the model's description {path} is no TOML: {error} ({setting})") from None
        parts = {name: table.pop(name, None) for name in ("text", "labels", "decoder")}
        preset = table.get("preset", "")
        if preset not in _CHOICES["preset"]:
            raise BadSettings(f"{path}: there is no preset {preset!r}; there are {', '.join(PRESETS)}")
        image = _read(ImageModel, PRESETS.get(preset, {}) | table, path, "")
        if len(image.mean) != 3 or len(image.std) != 3 or 0 in image.std:
            raise BadSettings(f"{path}: mean and std are three numbers each, and no std is 0")
        if not 8 <= image.size <= 4096 or not 0 <= image.crop <= image.size:
            raise BadSettings(f"{path}: size is 8 to 4096 pixels, and crop at most size (0: none)")
        return cls(
            image,
            _digest(text, image.model),
            text=_read(TextModel, parts["text"], path, "text") if parts["text"] is not None else None,
            labels=_read(LabelModel, parts["labels"], path, "labels") if parts["labels"] is not None else None,
            decoder=_read(WordModel, parts["decoder"], path, "decoder") if parts["decoder"] is not None else None,
        )


Some = TypeVar("Some", ImageModel, TextModel, LabelModel, WordModel)


def _read(kind: type[Some], table: Any, path: Path, name: str) -> Some:
    """Return a table of the file as one of the classes above; a path that is not there is an error."""
    where = f"{path} [{name}]" if name else str(path)
    if not isinstance(table, Mapping):
        raise BadSettings(f"{path}: {name} must be a table")
    known = {field.name: field for field in fields(kind) if field.name != "where"}
    if unknown := sorted(set(table) - set(known)):
        raise BadSettings(f"{where}: there is no {unknown[0]!r}; there are {', '.join(known)}")
    values: dict[str, Any] = {"where": where}
    for key, field in known.items():
        if key in table:
            values[key] = _value(str(field.type), key, table[key], path, where)
        elif key in ("model", "file", "tokenizer"):
            raise BadSettings(f"{where}: {key} is missing; name a file")
    return kind(**values)


def _value(type: str, key: str, value: Any, path: Path, where: str) -> Any:
    if key in _CHOICES and value not in _CHOICES[key]:
        raise BadSettings(f"{where}: {key} is {value!r}, but must be one of {', '.join(filter(None, _CHOICES[key]))}")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if "Path" in type and isinstance(value, str) and value:
        file = path.parent / Path(value).expanduser()
        if not file.is_file():
            raise BadSettings(f"{where}: {key} names {file}, which is not there")
        return file
    if "tuple" in type and isinstance(value, list | tuple) and all(isinstance(one, int | float) for one in value):
        return tuple(float(one) for one in value)
    if type in ("<class 'int'>", "int") and isinstance(value, int) and number and value >= 0:
        return value
    if type in ("<class 'float'>", "float") and number:
        return float(value)
    if type in ("<class 'str'>", "str") and isinstance(value, str):
        return value
    raise BadSettings(f"{where}: {key} cannot be {value!r}")


def _digest(text: str, model: Path) -> bytes:
    """Return 4 bytes that tell this description of this model from others; of a large model its size, beginning and end count."""
    try:
        size = model.stat().st_size
        with model.open("rb") as file:
            parts = [file.read(_SAMPLE)]
            file.seek(max(0, size - _SAMPLE))
            parts.append(file.read(_SAMPLE))
    except OSError as error:
        raise BadSettings(f"the model {model} cannot be read: {error.strerror}") from None
    return sha256(b"\0".join([text.encode(), str(size).encode(), *parts])).digest()[:4]
