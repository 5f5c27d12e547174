"""Of a sensitive picture every door tells that it matches, and none what it shows.

A new command, route or query must be entered here, with what it answers or with why it answers nothing of pictures.
"""

import base64
import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from matcher.audit import Audit
from matcher.cluster import FOUND, Link
from matcher.engine import Matcher
from matcher.errors import BadPicture
from matcher.fetch import Fetcher
from matcher.fingerprints.local import HEAD
from matcher.jobs import Jobs
from matcher.proposals import Reason
from matcher.records import Record
from matcher.settings import Settings
from matcher.source import Source
from matcher.tokens import Tokens
from matcher.web.app import create_app
from matcher.web.metrics import Metrics
from matcher.web.services import Services
from matcher.web.work import handlers
from misp_module.app import create_app as create_misp_app
from misp_module.assembly import served
from tests.matcher.commands.conftest import Kuato
from tests.misp_module.building import ENRICHED, KNOWN, asking, attribute, page, png

# What the store holds of the picture. Metadata are told nowhere; names of sources, tags and the SHA-256 are, but not to MISP, which
# shows them to everybody, and in no log.
CAPTION, NAME, LEVEL = "the-caption-told", "the-name-told", "the-level-told"
TAG = f'copine-scale:level="{LEVEL}"'

# Commands that answer nothing of pictures that are known, or, as backup and sample, copy it into files of the operator's.
SILENT = {
    "account",
    "quarantine",  # tests/matcher/commands/test_quarantine.py
    "ail",  # tests/ail_connector/test_sensitive.py
    "misp",  # what it writes is told by tests/misp_module/test_leaks.py
    "retract",
    "calibrate",
    "narrow",  # names pictures by their SHA-256 alone
    "compare",
    "config",
    "duplicates",
    "evaluate",
    "hash",
    "reset",
    "serve",
    "token",
    "backup",
    "restore",
    "sample",
    "import",
    "upgrade",
    "vocabulary",
    "watch",
    "whitening",
}
COMMANDS: dict[str, list[list[str]]] = {
    "add": [["add", "{file}"], ["add", "{file}", "--tag", "one-more"]],
    "cluster": [
        ["cluster", "list"],
        ["cluster", "show", "{cluster}"],
        ["cluster", "proposals"],
        ["cluster", "build"],
        ["cluster", "join", "{sha256}", "{other}"],
        ["cluster", "split", "{cluster}", "0" * 64],
        ["cluster", "accept", "0" * 16],
        ["cluster", "reject", "0" * 16],
        ["cluster", "undo", "0" * 16],
    ],
    "bank": [["bank", "add", "raids", "{sha256}"], ["bank", "list"], ["bank", "show", "raids"]],
    "doctor": [["doctor", "--deep"]],
    "export": [["export"], *(["export", "--format", each] for each in ("csv", "jsonl", "threatexchange", "photodna", "misp"))],
    "forget": [["forget", "--older-than", "2100-01-01", "--dry-run"]],
    "list": [["list"], ["list", "--tag", TAG], ["list", "--bank", "raids"], ["list", "--source", "file"]],
    "remove": [["remove", "0" * 64]],
    "review": [["review", "{sha256}", "{other}", "--confirm"], ["review", "list"], ["review", "{sha256}", "{other}"]],
    "search": [
        ["search", "{copy}"],
        ["search", "{file}"],
        ["search", "--sha256", "{sha256}"],
        ["search", "--sha256", "{other}"],
        ["search", "{copy}", "--algorithm", "local"],
    ],
    "show": [["show", "{sha256}"]],
    "stats": [["stats"]],
    "tag": [["tag", "{sha256}", "--add", "one-more"]],
}

# Routes that answer nothing of pictures that are known; those of hash and compare, of what the caller sends alone.
QUIET = {
    *("GET /api", "GET /api/page/{}", "GET /api/v1/openapi.json", "GET /status/live", "GET /status/ready", "GET /metrics"),
    *("GET /api/v1/banks", "POST /api/v1/banks", "GET /api/v1/banks/{}", "PATCH /api/v1/banks/{}", "DELETE /api/v1/banks/{}"),
    # What these find they show as any search; that no word is told: tests/matcher/web/test_search_words.py.
    *("POST /api/v1/search/text", "POST /api/v1/search/description"),
    *("POST /api/v1/hash", "POST /api/v1/compare", "DELETE /api/v1/jobs/{}", "POST /api/v1/search/fetch", "POST /api/v1/pictures/fetch"),
}


@dataclass
class Guarded:
    """A store with a sensitive picture, its file, and a copy with which it is found."""

    settings: Settings
    matcher: Matcher
    record: Record
    other: Record
    file: Path
    copy: Path

    def filled(self, text: str) -> str:
        cluster = self.matcher.get(self.other.sha256).cluster
        pictures = {"sha256": self.record.sha256, "other": self.other.sha256, "cluster": cluster}
        known = {**pictures, "file": str(self.file), "copy": str(self.copy)}
        return text.format(**known) if text.startswith("{") else text

    def hidden(self) -> list[str]:
        """What must not appear anywhere: metadata, and the fingerprint in which the picture can be seen."""
        large, other = (self.matcher.collection.whole(record)["local"] for record in (self.record, self.other))
        # Of the small picture what the copy does not have, which may be shown; where base64 has it in whole letters.
        at = next(at for at in range(6, HEAD.itemsize - 96, 3) if large[at : at + 96] not in other)
        return [CAPTION, large[at : at + 96].hex(), base64.b64encode(large[at : at + 96]).decode()]

    def names(self) -> list[str]:
        """What must not appear in a log, nor in MISP."""
        return [*self.hidden(), NAME, LEVEL, self.record.sha256]


@pytest.fixture(scope="module")
def guarded(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("sensitive")
    overrides = {"redis.url": redis_url, "redis.prefix": "sensitive:", "data.dir": folder / "data", "workers.count": 1}
    settings = Settings.load(environ={}, overrides={**overrides, "misp.deadline": 30.0})
    file, copy = folder / f"{NAME}.png", folder / "query.jpg"
    file.write_bytes(png(page(1)))
    buffer = io.BytesIO()
    page(1).resize((450, 350), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=80)
    copy.write_bytes(buffer.getvalue())
    with Matcher.open(settings) as matcher:
        matcher.banks.create("raids", sensitive=True)
        sources = [
            Source("file", f"/cases/{NAME}.png", 1e9, 1e9, {"caption": CAPTION}),
            Source("misp-attribute", KNOWN, 1e9, 1e9, {"event_uuid": ENRICHED, "event_info": CAPTION}),
        ]
        record = matcher.add(file.read_bytes(), sources=sources, tags=[TAG], banks=["raids"]).record
        other = matcher.add(copy.read_bytes(), sources=[Source("file", "other.png", 1e9, 1e9)]).record
        yield Guarded(settings, matcher, record, other, file, copy)
        matcher.reset()


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    for name in ("", "matcher", "misp_module", "ail_connector", "werkzeug", "waitress", "dramatiq"):
        caplog.set_level(logging.DEBUG, logger=name or None)
    return caplog


def check(where: object, text: str, hidden: list[str]) -> None:
    told = [each for each in hidden if each in text]
    assert not told, f"{where} told {told}"


def test_every_command(guarded: Guarded, tmp_path: Path) -> None:
    assert {point.name for point in entry_points(group="kuato.commands")} == COMMANDS.keys() | SILENT
    kuato = Kuato(guarded.settings, tmp_path)
    kuato.options += ["--set=redis.prefix=sensitive:", "--verbose"]
    found = set[str]()
    for name, calls in COMMANDS.items():
        for words in calls:
            for more in ([], ["--json"]) if name != "export" else ([],):
                call = [guarded.filled(word) for word in words] + more
                result = kuato(*call)
                assert result.exit_code in (0, 4), (call, result.stderr)
                check(call, result.stdout, guarded.hidden())
                check(f"stderr of {call}", result.stderr, guarded.names())
                found |= {name for each in (NAME, guarded.record.sha256) if each in result.stdout}
    assert {"list", "show", "search", "export", "forget"} <= found, "or the picture was never met"


@pytest.fixture
def services(guarded: Guarded) -> Iterator[Services]:
    matcher, settings = guarded.matcher, guarded.settings
    jobs = Jobs(matcher.collection.store, settings, handlers(matcher, settings))
    jobs.start()
    try:
        yield Services(matcher, settings, Tokens(matcher.collection.store), Audit.of(settings), Metrics(), jobs, Fetcher(settings))
    finally:
        jobs.stop()


def test_every_route(guarded: Guarded, services: Services, logged: pytest.LogCaptureFixture) -> None:
    app = create_app(services)
    client, asked, met = app.test_client(), set[str](), set[str]()

    def ask(method: str, path: str, **details: Any) -> Any:
        rule = app.url_map.bind("localhost").match(path.partition("?")[0], method, return_rule=True)[0]
        answer = client.open(path, method=method, **details)
        assert answer.status_code < 300, (method, path, answer.text)
        check(f"{method} {path}", answer.text, guarded.hidden())
        name = f"{method} {_without_names(rule.rule)}"
        asked.add(name)
        met.update([name] if guarded.record.sha256 in answer.text else [])
        return answer

    def upload(*paths: Path) -> dict[str, Any]:
        return {"data": {"picture": [(io.BytesIO(path.read_bytes()), "query.png") for path in paths]}}

    one = f"/api/v1/pictures/{guarded.record.sha256}"
    ask("GET", "/api/v1/pictures")
    whole = ask("GET", one).json
    assert whole["sensitive"] and "pdq" in whole["fingerprints"] and "local" not in whole["fingerprints"]
    ask("GET", f"{one}/matches")
    ask("GET", f"/api/v1/pictures/{guarded.other.sha256}/matches")
    ask("PATCH", one, json={"add_tags": ["one-more"]})
    ask("POST", "/api/v1/pictures?search=true", **upload(guarded.file))
    ask("POST", "/api/v1/search", **upload(guarded.copy))
    ask("POST", "/api/v1/search/fingerprints", json={"fingerprints": {"pdq": whole["fingerprints"]["pdq"]["hex"]}})
    found = ask("POST", "/api/v1/search/expert?algorithm=pdq", **upload(guarded.copy)).json["matches"]
    assert guarded.record.sha256 in [match["picture"]["sha256"] for match in found]
    for many in ("/api/v1/search/many", "/api/v1/pictures/many"):
        job = ask("POST", many, **upload(guarded.copy, guarded.file)).json["id"]
        assert ask("GET", f"/api/v1/jobs/{job}?wait=30").json["state"] == "done"
        ask("GET", f"/api/v1/jobs/{job}/results")
    ask("GET", "/api/v1/jobs")
    ask("GET", "/api/v1/stats")
    ask("GET", "/api/v1/export")
    pair = {"a": guarded.record.sha256, "b": guarded.other.sha256}
    ask("POST", "/api/v1/reviews", json={**pair, "verdict": "same"})
    ask("GET", "/api/v1/reviews")
    ask("GET", "/api/v1/reviews/waiting")
    ask("POST", "/api/v1/reviews/clusters", json={**pair, "verdict": "same"})
    ask("POST", "/api/v1/quarantine", json={"sha256": guarded.record.sha256})
    ask("GET", "/api/v1/quarantine")
    ask("POST", "/api/v1/quarantine/release", json={"subject": guarded.record.sha256})
    cluster = ask("POST", "/api/v1/clusters", json=pair).json["id"]
    ask("GET", "/api/v1/clusters")
    ask("GET", f"/api/v1/clusters/{cluster}")
    for answer in ("accept", "reject"):
        third = guarded.matcher.add(png(page(34)), tags=[TAG]).record
        guarded.matcher.collection.proposals.add(
            cluster, f"#{third.id}", Reason.SIZE, [Link.between(guarded.record.id, third.id, 0.1, FOUND)]
        )
        proposal = ask("GET", "/api/v1/proposals").json["proposals"][0]["id"]
        ask("POST", f"/api/v1/proposals/{proposal}/{answer}")
        ask("POST", f"/api/v1/proposals/{proposal}/undo")
        guarded.matcher.remove(third.sha256)
    ask("DELETE", f"/api/v1/reviews/{guarded.record.sha256}/{guarded.other.sha256}")
    ask("POST", f"/api/v1/clusters/{cluster}/split", json={"pictures": [guarded.other.sha256]})
    ask("POST", "/api/v1/clusters", json=pair)
    details = json.dumps({"object": f"image::{guarded.record.sha256}", "tags": [TAG]})
    ask("POST", "/api/v1/ail/objects", data={**upload(guarded.file)["data"], "details": details})
    ask("GET", "/api/v1/misp/modules")
    question = json.dumps(asking(guarded.copy.read_bytes(), value="query.jpg"))
    ask("POST", "/api/v1/misp/query", data=question, content_type="application/octet-stream")
    removable = guarded.matcher.add(png(page(33)), tags=[TAG]).record.sha256
    ask("DELETE", f"/api/v1/pictures/{removable}")
    pages = [rule for rule in app.url_map.iter_rules() if "." in rule.endpoint]
    for rule in pages:
        if "GET" in (rule.methods or ()) and not rule.arguments:
            answer = client.get(rule.rule)
            assert answer.status_code < 500, (rule.rule, answer.text)
            check(rule.rule, answer.text, guarded.hidden())
    rules = [(rule.methods or set(), _without_names(rule.rule)) for rule in app.url_map.iter_rules() if rule not in pages]
    every = {f"{method} {rule}" for methods, rule in rules for method in methods - {"HEAD", "OPTIONS"}}
    assert asked | QUIET >= every, f"say of {every - asked - QUIET} what they tell"
    assert len(met) >= 8, met
    noted = (guarded.settings["data.dir"] / "audit.jsonl").read_text()
    check("the audit", noted, guarded.names())
    assert '"sensitive": true' in noted
    check("the log", logged.text, [*guarded.names(), removable])


def _without_names(rule: str) -> str:
    return "/".join("{}" if part.startswith("<") else part for part in rule.split("/"))


def test_a_route_that_fails_does_not_log_which_picture(
    guarded: Guarded, services: Services, logged: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded.matcher.collection, "get", lambda sha256: 1 // 0)
    answer = create_app(services).test_client().get(f"/api/v1/pictures/{guarded.record.sha256}")
    assert answer.status_code == 500
    assert "ZeroDivisionError" in logged.text
    check("the log", logged.text, guarded.names())


def test_every_query_of_misp(guarded: Guarded, logged: pytest.LogCaptureFixture) -> None:
    client = create_misp_app(served(guarded.matcher, guarded.settings), guarded.settings).test_client()
    with guarded.file.open("rb") as file:
        exact = file.read()
    queries: dict[str, dict[str, Any]] = {
        "button": asking(guarded.copy.read_bytes(), value="query.jpg"),
        "the same file": asking(exact, value="query.png"),
        "object": {"module": "image_correlation", "object": {"Attribute": [attribute(guarded.copy.read_bytes(), value="query.jpg")]}},
    }
    for name, query in queries.items():
        answer = client.post("/query", json=query).get_data(as_text=True)
        found = [row["value"] for each in json.loads(answer)["results"]["Object"] for row in each["Attribute"]]
        assert any(f"attribute {KNOWN}" in value and "sensitive" in value for value in found), (name, found)
        # The cluster is named after the SHA-256; that of the file itself came with the query.
        check(name, answer, [*guarded.hidden(), NAME, LEVEL])
    hovered = client.post("/query", json=asking(uuid=KNOWN)).get_data(as_text=True)
    check("hover", hovered, [*guarded.hidden(), NAME, LEVEL])
    check("the log", logged.text, guarded.names())


def test_a_file_that_cannot_be_read_is_named_to_the_caller_and_in_no_log(guarded: Guarded, logged: pytest.LogCaptureFixture) -> None:
    for data in (b"no picture", guarded.file.read_bytes()[:500], b"\x89PNG\r\n\x1a\n" + b"\x00" * 100):
        with pytest.raises(BadPicture, match=NAME):
            guarded.matcher.add(data, name=f"{NAME}.png", tags=[TAG], banks=["raids"])
    check("the log", logged.text, guarded.names())
