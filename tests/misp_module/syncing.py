"""A sync as tests run it: with the fake MISP, in this process, at a time they choose."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from matcher.engine import Matcher
from misp_module.feedback import Feedback
from misp_module.pull import Pull
from misp_module.remote import Remote
from misp_module.syncstate import SyncState
from misp_module.writeback import WriteBack
from tests.misp_module.fake_misp import FakeMisp, Row

NOW = 1_772_500_000
EVERYTHING = "sightings,tags,relations,objects"


class Syncing:
    """Syncs a matcher with a server; what it tells is kept in `told`."""

    def __init__(self, matcher: Matcher, misp: FakeMisp, **changes: Any) -> None:
        self.misp = misp
        self.matcher = matcher
        self.settings = matcher.settings.with_overrides({"misp.write": EVERYTHING, **changes})
        self.now = NOW
        self.told: list[str] = []
        self.remote = Remote(self.settings, told=lambda text: None)
        self.state = SyncState(matcher.collection.store, self.remote.url, lambda: self.now)

    def writing(self, dry_run: bool = False) -> WriteBack:
        return WriteBack(self.matcher, self.remote, self.state, self.settings, self.told.append, dry_run)

    def run(self, later: int = 100, dry_run: bool = False) -> int:
        """Sync once, some seconds later than before; return how many writes were made."""
        self.now += later
        pull = Pull(self.matcher, self.remote, self.state, self.settings, noted=self.state.queue, clock=lambda: self.now)
        pull.run()
        back = self.writing(dry_run)
        Feedback(self.matcher, self.remote, self.state, self.settings, back.book, self.told.append).read()
        return back.run()

    def sighted(self) -> list[str]:
        """The UUIDs of attributes that were sighted, one for each sighting."""
        return sorted(row["attribute_uuid"] for row in self.misp.sightings.values())

    def links(self) -> set[tuple[str, str, str]]:
        rows = [row for row in self.misp.analyst.values() if row["kind"] == "Relationship"]
        found = [(row["object_uuid"], row["relationship_type"], row["related_object_uuid"]) for row in rows]
        assert len(found) == len(set(found)), "a relationship is there twice"
        return set(found)

    def objects(self) -> list[Row]:
        return [row for row in self.misp.objects.values() if row["name"] == "image-similarity" and not row["deleted"]]


def tags(row: Row) -> set[str]:
    return {tag["name"] for tag in row["Tag"]}


def large(seed: int, change: Callable[[Image.Image], Image.Image] = lambda image: image) -> bytes:
    """Return a PNG large enough to be matched by its content, changed somehow."""
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    image = change(Image.fromarray(pixels).resize((640, 480), Image.Resampling.BICUBIC))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def smaller(image: Image.Image) -> Image.Image:
    return image.resize((400, 300), Image.Resampling.LANCZOS)
