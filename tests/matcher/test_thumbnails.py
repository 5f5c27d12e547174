"""Thumbnails: only where they are wanted, never of what is sensitive, and not for ever."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from matcher.engine import Matcher
from matcher.extraction import AS_IS, Fingerprints
from matcher.wire import Nonsense, answer, believed

NAME = "baseline/ovalquay-login.png"


@pytest.fixture
def matcher(settings):
    wanted = {"thumbnails.enabled": True, "thumbnails.side": 300, "thumbnails.days": 2}
    with Matcher.open(settings.with_overrides(wanted)) as matcher:
        yield matcher


def key(record):
    return b"kuato:q" + bytes.fromhex(record.sha256)


def test_none_by_default(settings, sample):
    with Matcher.open(settings) as matcher:
        record = matcher.add(sample(NAME).read_bytes()).record
        assert matcher.collection.thumbnails.get(record) is None
        assert matcher.pool.fingerprint(sample(NAME).read_bytes()).small is None


def test_a_small_webp_with_an_end(matcher, sample):
    record = matcher.add(sample(NAME).read_bytes()).record
    data = matcher.collection.thumbnails.get(record)
    picture = Image.open(io.BytesIO(data))
    assert (picture.format, max(picture.size)) == ("WEBP", 300)
    assert len(data) < 20_000
    original = np.asarray(Image.open(sample(NAME)).convert("RGB").resize(picture.size, Image.Resampling.BOX), float)
    assert np.abs(np.asarray(picture.convert("RGB"), float) - original).mean() < 8
    left = matcher.collection.store.query("return redis.call('TTL', KEYS[1])", key(record))
    assert 2 * 86_400 - 60 < left <= 2 * 86_400
    assert matcher.collection.thumbnails.there([record.sha256, "0" * 64]) == {record.sha256}


def test_gone_with_its_picture(matcher, sample):
    record = matcher.add(sample(NAME).read_bytes()).record
    matcher.remove(record.sha256)
    assert matcher.collection.store.read([key(record)]) == [None]


def test_never_of_a_sensitive_one(matcher, sample):
    tagged = matcher.add(sample(NAME).read_bytes(), tags=['copine-scale:level="1"']).record
    assert matcher.collection.store.read([key(tagged)]) == [None]
    matcher.banks.create("unseen", sensitive=True)
    other = matcher.add(sample("baseline/tinlark-login.png").read_bytes()).record
    assert matcher.collection.thumbnails.get(other)
    changed = matcher.set_banks(other.sha256, add=["unseen"])
    assert matcher.collection.thumbnails.get(changed) is None
    matcher.add(sample("baseline/tinlark-login.png").read_bytes())
    assert matcher.collection.store.read([key(other)]) == [None]


def handed(small, side, **limits):
    from matcher.decode import Limits

    found = Fingerprints("0" * 64, "PNG", (640, 480), 9, {AS_IS: {"pdq": b"x" * 32}}, small=small)
    header, body = answer(found)
    asked = {"asked": ["pdq"], "side": side, "bytes_size": 9}
    return json.loads(json.dumps(header)), body, {**asked, "limits": Limits(), "query": False, "digest": "0" * 64}


def test_a_worker_is_believed_no_more_than_was_asked_for():
    small = np.arange(30 * 40 * 3, dtype=np.uint32).astype(np.uint8).reshape(30, 40, 3)
    header, body, asked = handed(small, 40)
    found = believed(header, body, **asked)
    assert (found.values, np.array_equal(found.small, small)) == ({"pdq": b"x" * 32}, True)
    for broken in (
        {"small": [30, 41]},
        {"small": [31, 40]},
        {"small": [0, 40]},
        {"small": [1200, 1]},
        {"small": ["30", 40]},
        {"small": [30]},
    ):
        with pytest.raises(Nonsense):
            believed(header | broken, body, **asked)
    with pytest.raises(Nonsense):
        believed({name: value for name, value in header.items() if name != "small"}, body, **asked)
