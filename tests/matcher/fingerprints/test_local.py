"""Local features find a place again."""

from matcher.fingerprints.local import Local
from tests.matcher.fingerprints.contract import FingerprintContract


class TestLocal(FingerprintContract):
    fingerprint = Local()
    too_simple = ["white", "black", "grey"]
