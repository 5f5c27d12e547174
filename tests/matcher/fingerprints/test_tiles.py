"""Tiles find pictures of which a part is covered."""

from matcher.fingerprints.tiles import Tiles
from tests.matcher.fingerprints.contract import FingerprintContract


class TestTiles(FingerprintContract):
    fingerprint = Tiles()
    too_simple = ["white", "black", "grey"]
