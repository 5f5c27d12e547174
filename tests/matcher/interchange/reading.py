"""How the formats are tested: what is in a file, sorted by what became of it."""

from pathlib import Path

from matcher.filing import Filing
from matcher.fingerprints import registry
from matcher.interchange.algorithms import Algorithms
from matcher.interchange.entries import Entry, Flaw, Given, ListFormat, Passed
from matcher.store import Store
from tests.matcher.interchange.conftest import write


class Found:
    """entries, flaws (place and text), passed (what) of one file; needs no store."""

    def __init__(self, format: ListFormat, path: Path, algorithm: str = "") -> None:
        enabled = registry.load()
        algorithms = Algorithms(enabled, Filing(Store(str), enabled))
        items = list(format.read(Given(path, path.name, algorithms, algorithm)))
        self.entries = [item for item in items if isinstance(item, Entry)]
        self.flaws = [(item.place, item.text) for item in items if isinstance(item, Flaw)]
        self.passed = [item.what for item in items if isinstance(item, Passed)]

    @property
    def prints(self) -> list[dict[str, str]]:
        """The fingerprints of each entry, by algorithm."""
        return [{one.algorithm: one.value.hex() for one in entry.prints} for entry in self.entries]


def found(format: ListFormat, folder: Path, text: str | bytes, algorithm: str = "") -> Found:
    return Found(format, write(folder / "list", text), algorithm)
