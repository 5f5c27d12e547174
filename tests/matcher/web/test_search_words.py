"""Searching by words on pictures, and by descriptions, over HTTP."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from matcher.extraction import Fingerprints
from matcher.settings import Settings
from matcher.web.services import Services
from tests.matcher.models.networks import described, flat
from tests.matcher.pictures import encoded
from tests.matcher.reading import needs

BANK = "Please confirm your account at Harborline Bank today"


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    needs("eng")
    chosen = {"fingerprints.enabled": "pdq,text,embedding", "embedding.model": described(tmp_path, text=True), "picture.max_seconds": 20}
    return settings.with_overrides(chosen)


def add(services: Services, text: str, *tags: str) -> str:
    digest = sha256(text.encode()).hexdigest()
    services.matcher.collection.add(Fingerprints(digest, "PNG", (640, 480), 1000, {"as is": {"text": text.encode()}}), tags=tags)
    return digest


def test_words_on_pictures(api: Any, services: Services) -> None:
    known, other = add(services, BANK), add(services, "The secretary waters the mountain")
    answer = api.post("/api/v1/search/text", json={"text": "harborlime bank"}).json
    assert (answer["decision"], [match["picture"]["sha256"] for match in answer["matches"]]) == ("YES", [known])
    assert answer["matches"][0]["evidence"][0]["note"].startswith("reads: please confirm")
    assert api.get(f"/api/v1/pictures/{known}").json["texts"] == {"text": BANK}
    assert api.post("/api/v1/search/text", json={"text": "the secretary", "limit": 1}).json["matches"][0]["picture"]["sha256"] == other
    assert api.post("/api/v1/search/text", json={"text": "??"}).status_code == 400
    assert api.post("/api/v1/search/text", json={"text": BANK, "banks": ["none"]}).status_code == 404


def test_of_a_sensitive_picture_no_word_is_shown(api: Any, services: Services) -> None:
    known = add(services, BANK, "copine-scale:level=1")
    [match] = api.post("/api/v1/search/text", json={"text": "harborline bank"}).json["matches"]
    assert match["picture"]["sensitive"] and match["evidence"][0]["note"] == ""
    assert "Harborline" not in api.get(f"/api/v1/pictures/{known}").get_data(as_text=True)


def test_who_may_not_see_a_picture_does_not_find_it(api: Any, services: Services, token: Callable[..., str]) -> None:
    services.matcher.banks.create("theirs")
    add(services, BANK)
    limited = token("search", banks=("theirs",))
    assert api.post("/api/v1/search/text", json={"text": BANK}, token=limited).json["matches"] == []


def test_descriptions(api: Any, services: Services) -> None:
    known = {name: services.matcher.add(encoded(flat(name))).record.sha256 for name in ("red", "blue")}
    answer = api.post("/api/v1/search/description", json={"text": "a red picture"}).json
    assert answer["matches"][0]["picture"]["sha256"] == known["red"] and answer["decision"] == "MAYBE"
    assert answer["matches"][0]["evidence"][0]["threshold"] is None
    assert api.post("/api/v1/search/description", json={"text": "a picture"}).status_code == 400
