"""What fills a store: pictures as real ones, which show what they are made of and nothing else; and the benchmark that asks among them."""

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest

from benchmarks.grow.collages import collages
from benchmarks.grow.mixing import Mixer, donors, most_alike
from benchmarks.grow.stranger import divided
from matcher.decode import Limits, decode
from matcher.fingerprints import registry
from matcher.fingerprints.local import Local

ROOT = Path(__file__).parents[2]
FILES = sorted(path for path in (ROOT / "samples").glob("*/*.*") if path.name != "blank.png")
ALGORITHMS = registry.load()
LOCAL = Local()


@pytest.fixture(scope="module")
def features() -> list[bytes]:
    computed = (LOCAL.compute(decode(path.read_bytes(), Limits())) for path in FILES)
    return [value for value in computed if value is not None]


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_blocks_cover_a_picture_and_not_each_other(parts: int) -> None:
    covered = np.zeros((600, 800), int)
    for left, top, width, height in divided((800, 600), parts, Random(parts)):
        covered[top : top + height, left : left + width] += 1
    assert (covered == 1).all()


def test_a_descriptor_has_another_that_is_like_it(features: list[bytes]) -> None:
    bits = donors(features, np.random.default_rng(1))[0].bits
    near = most_alike(bits, np.random.default_rng(2))
    apart = np.bitwise_count(bits ^ near).sum(axis=1)
    every = np.bitwise_count(bits[:, None] ^ bits[None]).sum(axis=2)
    assert (apart > 0).all()
    assert apart.tolist() == np.where(every == 0, 999, every).min(axis=1).tolist()


def test_a_mixed_picture_has_fingerprints_as_a_real_one_has(features: list[bytes]) -> None:
    given = donors(features, np.random.default_rng(1))
    mixer = Mixer(given, ALGORITHMS, 30)
    some = list(mixer.strangers(40, seed=5))
    assert len({one.sha256 for one in some}) == 40
    assert all(ALGORITHMS[name].valid(value) for one in some for name, value in one.values.items())
    assert sum({"local", "pdq", "tiles"} <= one.values.keys() for one in some) > 30
    assert next(Mixer(given, ALGORITHMS, 30).strangers(1, seed=5)) == some[0] != next(mixer.strangers(1, seed=6))


def test_a_mixed_picture_shows_what_it_is_made_of_and_nothing_else(features: list[bytes]) -> None:
    """Made of one picture alone: then that is found in it by place and size, and no other picture is."""
    (drawing,) = (n for n, path in enumerate(FILES) if path.name == "octopus-drawing.png")
    (weather,) = (n for n, path in enumerate(FILES) if path.name == "skerry-weather.png")
    mixer = Mixer(donors([features[drawing]], np.random.default_rng(1)), {"local": LOCAL}, 12)
    made = [one.values["local"] for one in mixer.strangers(12, seed=5) if "local" in one.values]
    assert len(made) > 8
    inliers = [[found.inliers if (found := LOCAL.align(one, features[n])) else 0 for one in made] for n in (drawing, weather)]
    assert np.median(inliers[0]) >= 15
    assert max(inliers[1]) < np.median(inliers[0])


def test_a_collage_is_fingerprinted_as_any_picture() -> None:
    some = list(collages(FILES, 6, ALGORITHMS, Limits(), seed=1))
    assert len({one.sha256 for one in some}) == 6
    assert all(ALGORITHMS[name].valid(value) for one in some for name, value in one.values.items())
    assert all({"local", "pdq"} <= one.values.keys() for one in some)


@pytest.mark.slow
def test_a_store_that_grows_is_asked_at_every_size(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- grown -->\nold\n<!-- end of grown -->\nafter\n")
    command = [sys.executable, ROOT / "benchmarks" / "growth.py", ROOT / "samples", "--sizes", "0,60", "--collages", "8", "--write", page]
    done = subprocess.run(command, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    small, large = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    labelled = small["made"]["labelled"]
    assert small["pictures"] == labelled
    assert large["made"] == {"labelled": labelled, "collage": 8, "mixed": 52}
    assert large["queries"] == small["queries"] < labelled
    assert small["base_any"] >= large["base_any"] > 0.5
    text = page.read_text()
    assert text.startswith("before\n<!-- grown -->\n") and text.endswith("<!-- end of grown -->\nafter\n")
    assert f"| pictures in the store | {labelled} | {labelled + 60} |" in text
