"""A process that ties, parts, merges and removes pictures at random for as long as it lives.

    python -m tests.matcher.clusterchurn URL SEED [add]

It prints a line for each thing done; with "add" it only adds. Pictures n with the same n // COPIES are the same one
to the search; nothing else ever ties any.
"""

import os
import random
import sys
import time
from contextlib import suppress

from matcher.clustering import Clustering
from matcher.errors import BadRequest, NotFound, StoreUnavailable
from matcher.match import Decision, Match, Relation
from matcher.reviews import Verdict
from tests.matcher.making import collection_on, picture

COPIES, GROUPS = 6, 5


class Churner:
    """Does one thing at a time on the store at `url`."""

    def __init__(self, url: str, chance: random.Random) -> None:
        self._pictures = collection_on(url)
        self._clustering = Clustering(self._pictures)
        self._chance = chance

    def once(self) -> None:
        """Do something."""
        first = self._chance.randrange(GROUPS) * COPIES
        one, other = (self._chance.randrange(first, first + COPIES) for _ in range(2))
        act = self._chance.choices((self.add, self.remove, self.review, self.withdraw, self.split, self.join), (6, 2, 2, 1, 1, 1))[0]
        act(one, other)

    def add(self, one: int, _other: int = 0) -> None:
        """Add a picture and tie it to its copies, as a search would."""
        record = self._pictures.add(picture(one)).record
        first = one // COPIES * COPIES
        known = (self._pictures.known(picture(n).sha256) for n in range(first, first + COPIES) if n != one)
        self._clustering.place(record, [Match(each, Decision.YES, Relation.SAME_PICTURE, 0.1, ()) for each in known if each is not None])

    def remove(self, one: int, _other: int) -> None:
        self._pictures.remove(picture(one).sha256)

    def review(self, one: int, other: int) -> None:
        verdict = self._chance.choice(list(Verdict))
        self._clustering.review(self._pictures.get(picture(one).sha256), self._pictures.get(picture(other).sha256), verdict, "churn")

    def withdraw(self, one: int, other: int) -> None:
        self._clustering.withdraw(picture(one).sha256, picture(other).sha256)

    def split(self, one: int, other: int) -> None:
        records = [self._pictures.get(picture(n).sha256) for n in {one, other}]
        there = self._pictures.clusters.locate(records)
        if records[0].id in there:
            self._clustering.split(there[records[0].id], records)

    def join(self, one: int, other: int) -> None:
        self._clustering.join(self._pictures.get(picture(one).sha256), self._pictures.get(picture(other).sha256))


def main(url: str, seed: str, only: str = "") -> None:
    chance = random.Random(f"{seed} {os.getpid()}")
    churner = Churner(url, chance)
    while True:
        try:
            with suppress(NotFound, BadRequest):
                if only:
                    churner.add(chance.randrange(COPIES * GROUPS))
                else:
                    churner.once()
            sys.stdout.write("done\n")
            sys.stdout.flush()
        except StoreUnavailable:
            time.sleep(0.02)


if __name__ == "__main__":
    main(*sys.argv[1:])
