"""The stand-alone front put together from the settings."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from ail_connector.backfill import Backfill
from ail_connector.consumer import Consumer, Patience
from ail_connector.courier import Courier
from ail_connector.database import Database
from ail_connector.handling import Handling
from ail_connector.installation import Installation, ours
from ail_connector.objects import Files
from ail_connector.processing import Processing
from ail_connector.queue import Queue
from ail_connector.retroactive import Retroactive
from ail_connector.rules import configured
from ail_connector.webhook import Webhook
from matcher.delivery import delivery
from matcher.engine import Matcher
from matcher.settings import Settings


def queues(settings: Settings, installation: Installation) -> list[Queue]:
    """Return the queues of our sections. Raises BadSettings for one that AIL's modules.cfg does not have."""
    return [Queue(installation, name, settings["ail.lease_seconds"]) for name in ours(settings, installation)]


@dataclass
class Front:
    """What the commands work with."""

    matcher: Matcher
    installation: Installation
    queues: list[Queue]
    database: Database
    files: Files
    processing: Processing

    @classmethod
    def open(cls, matcher: Matcher) -> "Front":
        """Put everything together. Raises BadSettings."""
        settings = matcher.settings
        installation = Installation.of(settings)
        return cls(
            matcher,
            installation,
            queues(settings, installation),
            Database(installation, settings["ail.max_places"]),
            Files(installation, settings["picture.max_bytes"]),
            Processing(matcher),
        )

    @property
    def handling(self) -> Handling:
        """What handles one message."""
        settings = self.matcher.settings
        return Handling(
            self.processing,
            self.database,
            self.files,
            frozenset(settings["ail.placeholders"]),
            settings["ail.correlations"],
            settings["ail.favicons"],
        )

    @property
    def retroactive(self) -> Retroactive:
        """What tags pictures that AIL had before."""
        return Retroactive(self.matcher, self.processing, self.queues[0])

    @property
    def webhook(self) -> Webhook:
        """What posts digests."""
        matcher = self.matcher
        return Webhook(matcher.collection.store, matcher.settings, lambda gid: self.installation.link(*gid.split("::", 1)) if gid else "")

    @property
    def courier(self) -> Courier | None:
        """What posts matches to MISP every so often, None where that is not wanted. Raises BadSettings where no server is named."""
        every = self.matcher.settings["ail.onward_minutes"] * 60
        collection = self.matcher.collection
        return Courier(collection, delivery(self.matcher.settings, collection.store), every) if every else None

    def backfill(self, observed: bool) -> Backfill:
        """Return what goes through AIL's files. observed: whether what was merely observed elsewhere is worth a tag, too."""
        settings = self.matcher.settings
        rule = configured(settings, None if observed else ())
        return Backfill(
            self.matcher.collection.store,
            Processing(self.matcher, rule, capped=False),
            self.database,
            self.files,
            self.queues[0],
            frozenset(settings["ail.placeholders"]),
        )

    def consumer(self, workers: int | None = None) -> Consumer:
        """Return a consumer that also looks after banks now and then. Raises BadSettings."""
        settings = self.matcher.settings
        patience = Patience(
            settings["ail.tries"], settings["ail.retry_seconds"], settings["ail.screenshot_tries"], settings["ail.screenshot_seconds"]
        )
        return Consumer(
            self.queues,
            self.handling,
            patience,
            workers or settings["ail.workers"] or settings.workers() + 1,
            settings["ail.max_tags_waiting"],
            _Now(self.retroactive, self.webhook, self.courier, settings["ail.bank_minutes"] * 60).care,
            self.matcher.tally.message,
        )

    def close(self) -> None:
        """End the connections to AIL."""
        for queue in self.queues:
            queue.close()
        self.database.close()


class _Now:
    """Lets the banks be looked at every so many seconds, 0: never; and digests and matches be posted when their time has come."""

    def __init__(self, retroactive: Retroactive, webhook: Webhook, courier: Courier | None, every: float) -> None:
        self._retroactive = retroactive
        self._webhook = webhook
        self._courier = courier
        self._every = every
        self._due = time.monotonic()

    def care(self, ended: Callable[[], bool]) -> None:
        if self._courier:
            self._courier.care()
        self._webhook.care()
        if self._every and time.monotonic() >= self._due:
            self._retroactive.run(ended)
            self._due = time.monotonic() + self._every
