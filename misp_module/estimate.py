"""What a sync would cost, before it is begun."""

import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from matcher.errors import BadPicture, NotFound
from misp_module.found import Found
from misp_module.pull import Pull
from misp_module.remote import Remote

if TYPE_CHECKING:
    from matcher.engine import Matcher

_TRIED = 12


@dataclass(frozen=True)
class Estimate:
    """attributes, events: how many there are. kinds: attributes by ending of their names. tried: how many of them were fetched.

    pictures: how many of these were pictures. bytes: of all files. seconds: for all of them. memory: bytes of Redis that the pictures take.
    """

    attributes: int
    events: int
    kinds: Counter[str]
    tried: int
    pictures: int
    bytes: int
    seconds: float
    memory: int

    def as_dict(self) -> dict[str, Any]:
        """Return the same as JSON."""
        return {**asdict(self), "kinds": dict(self.kinds), "seconds": round(self.seconds, 1)}


def estimate(matcher: "Matcher", remote: Remote, pull: Pull, since: int) -> Estimate:
    """Return what taking over everything since a time would cost. Some files are fetched and looked at; nothing is kept."""
    kinds, events, every = Counter[str](), set[str](), list[Found]()
    for _, some in pull.listed(since):
        for found in some:
            kinds[found.name.rpartition(".")[2].lower() if "." in found.name else ""] += 1
            events.add(str(found.event.get("uuid")))
            every.append(found)
    step = max(1, len(every) // _TRIED)
    tried = every[::step][:_TRIED]
    sizes, pictures, begun = list[int](), 0, time.monotonic()
    for found in tried:
        try:
            data = remote.data(found.uuid)
        except NotFound:
            continue
        sizes.append(len(data))
        try:
            matcher.pool.fingerprint(data, name=found.name)
            pictures += 1
        except BadPicture:
            continue
    spent = time.monotonic() - begun
    share = len(every) / len(tried) if tried else 0.0
    each = matcher.stats()["memory"]["bytes_per_picture"]
    return Estimate(
        len(every), len(events), kinds, len(tried), pictures, round(sum(sizes) * share), spent * share, round(pictures * share * each)
    )
