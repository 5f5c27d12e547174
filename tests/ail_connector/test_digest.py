"""What was matched, told by the hour: on the command line, and to a webhook."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ail_connector.digest import Digest, Row
from ail_connector.front import Front
from ail_connector.webhook import Webhook
from tests.ail_connector.pages import jpeg, page, png
from tests.ail_connector.stand_in import Ail
from tests.ail_connector.test_consumer import consume

NOON = 1_780_056_000.0  # a full hour


class Clock:
    now = NOON

    def __call__(self) -> float:
        return self.now


@dataclass
class Receiver:
    url: str
    status: int = 200
    got: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if received.status == 200:
                received.got.append(body)
            self.send_response(received.status)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received = Receiver(f"http://127.0.0.1:{server.server_address[1]}/kuato")
        running = threading.Thread(target=server.serve_forever)
        running.start()
        yield received
        server.shutdown()
        running.join()


@pytest.fixture
def matched(ail: Ail, front: Front) -> Front:
    """A front after two tags, a match in chats that is worth none, and one of the same source."""
    front.matcher.banks.create("kits", kind="known-bad")
    front.matcher.add(png(page(1)), banks=("kits",))
    ail.feed_image(jpeg(page(1)), "net:1")
    ail.feed_image(jpeg(page(1), 80), "net:2")
    ail.feed_image(png(page(30)), "net:1")
    ail.feed_image(jpeg(page(30)), "net:2")
    ail.feed_image(jpeg(page(30), 80), "net:2")
    consume(front, ail)
    return front


def test_rows_count_by_outcome_decision_and_bank(matched: Front) -> None:
    import time

    digest = Digest(matched.matcher.collection.store)
    rows = {(row.outcome, row.decision, row.bank): row for row in digest.rows(time.time() - 7200, time.time() + 3600)}
    assert rows["tagged", "YES", "kits"].count == 2
    assert rows["quiet", "YES", ""].count == 2
    assert rows["tagged", "YES", "kits"].example.startswith("image::")
    assert digest.rows(0, 7200) == []


def test_each_period_is_posted_once(matched: Front, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    settings = matched.matcher.settings.with_overrides({"ail.webhook": receiver.url, "ail.webhook_every": "hour"})
    hooks = [Webhook(matched.matcher.collection.store, settings, lambda gid: f"https://ail/{gid}", clock) for _ in range(2)]
    rows = [Row("tagged", "YES", "kits", 2, "image::ab"), Row("quiet", "YES", "", 1, "image::cd")]
    spans = list[tuple[float, float]]()
    monkeypatch.setattr(Digest, "rows", lambda self, since, until: spans.append((since, until)) or rows)
    assert not hooks[0].care()
    clock.now += 1800
    assert not hooks[0].care()
    clock.now += 1800
    assert [hook.care() for hook in hooks] == [True, False]
    assert spans == [(NOON, NOON + 3600)]
    (posted,) = receiver.got
    assert (posted["from"], posted["until"]) == ("2026-05-29T12:00:00Z", "2026-05-29T13:00:00Z")
    assert posted["rows"][0] == {
        "outcome": "tagged",
        "decision": "YES",
        "bank": "kits",
        "count": 2,
        "example": "image::ab",
        "page": "https://ail/image::ab",
    }


def test_of_chosen_banks_alone_and_again_after_a_failure(matched: Front, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    chosen = {"ail.webhook": receiver.url, "ail.webhook_every": "hour", "ail.webhook_banks": ["kits"]}
    hook = Webhook(matched.matcher.collection.store, matched.matcher.settings.with_overrides(chosen), clock=clock)
    rows = [Row("tagged", "YES", "kits", 2, "image::ab"), Row("quiet", "YES", "", 1, "image::cd")]
    monkeypatch.setattr(Digest, "rows", lambda self, since, until: rows)
    hook.care()
    clock.now += 3600
    receiver.status = 503
    assert not hook.care() and receiver.got == []
    receiver.status = 200
    assert hook.care()
    assert [row["bank"] for row in receiver.got[0]["rows"]] == ["kits"]


def test_nothing_is_posted_of_nothing(front: Front, receiver: Receiver) -> None:
    clock = Clock()
    settings = front.matcher.settings.with_overrides({"ail.webhook": receiver.url, "ail.webhook_every": "hour"})
    hook = Webhook(front.matcher.collection.store, settings, clock=clock)
    hook.care()
    clock.now += 7200
    assert not hook.care() and receiver.got == []
