"""Small networks of colours, made for the tests: an image encoder, its text encoder, a classifier, a captioner."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SIDE = 16
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
WORDS = ("<s>", "</s>", "a", *COLOURS, "picture")
Shape = Sequence[int | str]


def save(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, tuple[int, Shape]],
    output: tuple[str, Shape],
    **constants: NDArray[Any],
) -> Path:
    """Write a network. inputs: name -> type and shape. output: name and shape."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(output[0], TensorProto.FLOAT, output[1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def image_encoder(path: Path) -> Path:
    """The mean colour of each of 4 x 4 tiles: [1, 48]."""
    nodes = [
        helper.make_node("AveragePool", ["pixels"], ["pooled"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Flatten", ["pooled"], ["vector"]),
    ]
    return save(path, nodes, {"pixels": (TensorProto.FLOAT, [1, 3, SIDE, SIDE])}, ("vector", [1, 48]))


def colour_encoder(path: Path, dimensions: int = 2) -> Path:
    """Ten times the mean colour: [1, 3], or [1, 1, 3] for three dimensions."""
    shape = np.array([1] * (dimensions - 1) + [3], np.int64)
    nodes = [
        helper.make_node("GlobalAveragePool", ["pixels"], ["pooled"]),
        helper.make_node("Reshape", ["pooled", "shape"], ["mean"]),
        helper.make_node("Mul", ["mean", "ten"], ["scores"]),
    ]
    inputs = {"pixels": (TensorProto.FLOAT, [1, 3, "height", "width"])}
    return save(path, nodes, inputs, ("scores", shape.tolist()), shape=shape, ten=np.array(10, np.float32))


def text_encoder(path: Path) -> Path:
    """The sum of what each word says of a picture of one colour: [1, 48]; what is not to be looked at counts nothing."""
    table = np.zeros((len(WORDS), 48), np.float32)
    for name, colour in COLOURS.items():
        table[WORDS.index(name)] = np.repeat(np.array(colour) / 127.5 - 1, 16)
    nodes = [
        helper.make_node("Gather", ["table", "tokens"], ["rows"]),
        helper.make_node("Cast", ["mask"], ["weights"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["weights", "last"], ["each"]),
        helper.make_node("Mul", ["rows", "each"], ["seen"]),
        helper.make_node("ReduceSum", ["seen", "axis"], ["vector"], keepdims=0),
    ]
    inputs = {"tokens": (TensorProto.INT64, [1, 8]), "mask": (TensorProto.INT64, [1, 8])}
    constants = {"table": table, "last": np.array([2], np.int64), "axis": np.array([1], np.int64)}
    return save(path, nodes, inputs, ("vector", [1, 48]), **constants)


def decoder(path: Path) -> Path:
    """After <s> comes "a", after "a" the colour of the features, then "picture", then the end: [1, n, words]."""
    follows, gate, colours = (
        np.zeros((len(WORDS), len(WORDS)), np.float32),
        np.zeros((len(WORDS), 1), np.float32),
        np.zeros((3, len(WORDS))),
    )
    follows[WORDS.index("<s>"), WORDS.index("a")] = 1
    follows[WORDS.index("picture"), WORDS.index("</s>")] = 1
    gate[WORDS.index("a")] = 1
    for place, name in enumerate(COLOURS):
        follows[WORDS.index(name), WORDS.index("picture")] = 1
        colours[place, WORDS.index(name)] = 1
    nodes = [
        helper.make_node("Gather", ["follows", "tokens"], ["usual"]),
        helper.make_node("Gather", ["gate", "tokens"], ["open"]),
        helper.make_node("MatMul", ["features", "colours"], ["seen"]),
        helper.make_node("Mul", ["open", "seen"], ["said"]),
        helper.make_node("Add", ["usual", "said"], ["scores"]),
    ]
    inputs = {"tokens": (TensorProto.INT64, [1, "n"]), "features": (TensorProto.FLOAT, [1, 1, 3])}
    constants = {"follows": follows, "gate": gate, "colours": colours.astype(np.float32)}
    return save(path, nodes, inputs, ("scores", [1, "n", len(WORDS)]), **constants)


def tokenizer(path: Path) -> Path:
    """A tokenizer.json with the words above."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    made = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<s>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.save(str(path))
    return path


def described(folder: Path, name: str = "model.toml", *, text: bool = False, **more: Any) -> Path:
    """Write the description of the image encoder beside the networks, which are made where they are missing."""
    if not (folder / "image.onnx").exists():
        image_encoder(folder / "image.onnx")
    values = {"model": "image.onnx", "size": SIDE, "resize": "stretch", "mean": [0.5] * 3, "std": [0.5] * 3, **more}
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    if text:
        text_encoder(folder / "text.onnx")
        tokenizer(folder / "tokenizer.json")
        lines += ["[text]", 'model = "text.onnx"', 'tokenizer = "tokenizer.json"', 'input = "tokens"', 'mask = "mask"', "length = 8"]
    (folder / name).write_text("\n".join(lines))
    return folder / name


def described_scene(folder: Path, **more: Any) -> Path:
    """Write the description of a classifier of colours."""
    colour_encoder(folder / "scene.onnx")
    (folder / "labels.txt").write_text("Red things\ngreen\nblue\n")
    path = described(folder, "scene.toml", model="scene.onnx")
    values = {"file": "labels.txt", **more}
    path.write_text("\n".join([path.read_text(), "[labels]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]))
    return path


def described_caption(folder: Path, **more: Any) -> Path:
    """Write the description of a captioner of colours."""
    colour_encoder(folder / "seen.onnx", 3)
    decoder(folder / "decoder.onnx")
    tokenizer(folder / "tokenizer.json")
    path = described(folder, "caption.toml", model="seen.onnx")
    values = {
        "model": "decoder.onnx",
        "tokenizer": "tokenizer.json",
        "input": "tokens",
        "features": "features",
        "start": 0,
        "end": 1,
        **more,
    }
    path.write_text("\n".join([path.read_text(), "[decoder]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]))
    return path


def flat(colour: str, width: int = 40, height: int = 30) -> NDArray[np.uint8]:
    """Return a picture of one colour."""
    return np.full((height, width, 3), COLOURS[colour], np.uint8)
