"""Fingerprints come by entry point: ours, and those of a package that we have never seen."""

import importlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from matcher.errors import BadSettings
from matcher.fingerprints.pdq import PDQ
from matcher.fingerprints.registry import available, load

EDGES = """
import numpy as np
from matcher.fingerprints.base import BinaryFingerprint

class Edges(BinaryFingerprint):
    name, version, family, bits, default = "edges", 3, "gradient", 8, {default}

    def compute(self, picture):
        return np.packbits(np.arange(8) < picture.size[0] % 8).tobytes()
"""


class Site:
    """A folder where packages are installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, package: str, entry: str, code: str) -> None:
        (self.folder / f"{package}.py").write_text(code)
        info = self.folder / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[kuato.fingerprints]\n{entry}\n")
        importlib.invalidate_caches()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield Site(tmp_path)
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def test_ours_come_through_the_same_door() -> None:
    assert {"ahash", "phash", "dhash", "whash", "pdq", "pdq-trimmed", "tlsh"} <= set(available())


def test_the_default_set_is_what_says_so() -> None:
    chosen = load()
    assert "pdq" in chosen
    assert all(fingerprint.default for fingerprint in chosen.values())
    assert not {"ahash", "phash", "dhash", "whash", "tlsh"} & set(chosen)


def test_names_choose_in_their_order() -> None:
    chosen = load(["tlsh", "pdq"])
    assert list(chosen) == ["tlsh", "pdq"]
    assert isinstance(chosen["pdq"], PDQ)


def test_no_names_are_not_the_default_set() -> None:
    assert load([]) == {}


def test_a_stranger_is_one_file_and_one_entry_point(site: Site) -> None:
    site.install("stranger", "edges = stranger:Edges", EDGES.format(default=True))
    edges = load()["edges"]
    assert (edges.name, edges.version) == ("edges", 3)
    assert edges.distance(b"\xff", [b"\xff", b"\x0f"]).tolist() == [0, 0.5]


def test_a_stranger_that_is_no_default_is_had_on_request(site: Site) -> None:
    site.install("shy", "edges = shy:Edges", EDGES.format(default=False))
    assert "edges" not in load()
    assert load(["edges"])["edges"].version == 3


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(BadSettings, match=r"no fingerprint is called 'sift'; there are .*pdq"):
        load(["pdq", "sift"])


def test_a_broken_one_is_named_when_it_is_asked_for(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.install("broken", "cracked = broken:Cracked", "import a_library_that_is_not_there")
    with caplog.at_level(logging.WARNING):
        assert "pdq" in load() and "pdq" in load(["pdq"])
        assert "cracked" not in available()
    assert "'cracked' cannot be loaded from broken:Cracked" in caplog.text
    with pytest.raises(BadSettings, match=r"'cracked' cannot be loaded from broken:Cracked: ModuleNotFoundError: .*a_library"):
        load(["cracked"])


def test_what_is_no_fingerprint_is_refused(site: Site) -> None:
    misnamed = EDGES.format(default=True).replace("class Edges", "class Other")
    site.install("impostor", "edges = impostor:Edges\nother = impostor:Other", f"class Edges: pass\n{misnamed}")
    with pytest.raises(BadSettings, match="'edges': impostor:Edges is no Fingerprint of that name"):
        load(["edges"])
    with pytest.raises(BadSettings, match="'other': impostor:Other is no Fingerprint of that name"):
        load(["other"])


def test_a_name_that_two_claim_is_refused_to_both(site: Site) -> None:
    site.install("first", "pdq = first:Edges", EDGES.format(default=True))
    with pytest.raises(BadSettings, match=r"'pdq' is claimed by first:Edges and matcher\.fingerprints\.pdq:PDQ"):
        load(["pdq"])
