"""Pictures of figures can be opened, say what they show, and are the same every time."""

import io
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from matcher.errors import BadRequest
from matcher.report import plots
from matcher.report.plots import Drawing, Labels

LABELS = Labels("Loss by threshold", "threshold", "share", (0, 1), (0, 1))


def drawings() -> dict[str, Drawing]:
    x = np.linspace(0, 1, 11)
    return {
        "curve": plots.curve({"a": (x, x**2), "b": (x, x)}, LABELS, marks={"YES": 0.3}),
        "log": plots.curve({"a": ([1, 10, 100], [1, 2, 3])}, Labels("Loss by threshold", "n", "ms"), log="xy", dots=True),
        "histogram": plots.histogram({"same": [3, 1], "different": [0, 4]}, [0, 0.5, 1], LABELS, marks={"YES": 0.2}),
        "bars": plots.bars(["crop", "blur"], {"YES": [0.5, 1], "YES or MAYBE": [0.9, 1]}, LABELS),
        "matrix": plots.matrix([[3, 0], [1, 2]], Labels("Loss by threshold", "proposed", "true")),
        "network": plots.network(np.array([[0, 0], [1, 1.0]]), ["red", "blue"], [(0, 1)], ["grey"], LABELS),
    }


def test_each_is_a_png_and_an_svg_that_says_what_it_shows() -> None:
    for name, drawing in drawings().items():
        with Image.open(io.BytesIO(drawing.png)) as picture:
            assert picture.format == "PNG", name
            assert np.asarray(picture.convert("L")).std() > 5, name
        text = "".join(ElementTree.fromstring(drawing.svg).itertext())
        assert "Loss by threshold" in text, name
        assert b"http-equiv" not in drawing.svg


def test_the_same_figures_give_the_same_bytes() -> None:
    assert drawings() == drawings()


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(BadRequest, match=r"kuato\[report\]"):
        plots.curve({}, LABELS)
