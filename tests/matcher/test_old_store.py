"""A store that the last program of schema 1 wrote: its append-only file, with pictures of samples/, one of them removed."""

import gzip
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from matcher.doctor import Doctor
from matcher.engine import Matcher
from matcher.errors import StoreMismatch
from matcher.match import Decision
from matcher.migration import Migration
from matcher.protocol import command
from matcher.records import LIVE, Records, pack, unpack
from matcher.redis_server import EmbeddedRedis
from matcher.settings import Settings
from matcher.store import Store
from tests.matcher.making import collection_on, picture, seen

FOLDER = Path(__file__).parent
SAMPLES = FOLDER.parent.parent / "samples"


@pytest.fixture
def old(store_url: str) -> str:
    """The URL of a Redis with that store."""
    with redis.Redis.from_url(store_url) as client:
        connection = client.connection_pool.get_connection()
        text = gzip.decompress((FOLDER / "schema-1.aof.gz").read_bytes())
        connection.send_packed_command([text, command(b"ECHO", b"all of it")])
        while connection.read_response() != b"all of it":
            pass
        client.connection_pool.release(connection)
    return store_url


def test_what_it_knew_answers_after_the_upgrade(old: str, settings: Settings) -> None:
    assert settings["redis.url"] == old
    with pytest.raises(StoreMismatch, match="kuato upgrade"), Matcher.open(settings) as matcher:
        matcher.stats()
    store = Store(lambda: old, oldest=1)
    assert Migration(store).plan().schema == 1
    Migration(store).run()
    with Matcher.open(settings) as matcher:
        assert matcher.stats()["pictures"] == 2
        # Nothing but what the schema has nothing to do with: local features are of another version by now.
        assert {finding.code for finding in Doctor(matcher.collection).run(deep=True).findings} <= {"stale-version"}
        octopus = matcher.search((SAMPLES / "seen" / "octopus-drawing.png").read_bytes())
        assert octopus.decision is Decision.YES
        assert [source.id for source in octopus.matches[0].picture.sources] == ["octopus-drawing.png"]
        login = matcher.search((SAMPLES / "queries" / "tinlark-half.webp").read_bytes())
        assert login.decision is Decision.YES
        assert {tag for match in (octopus, login) for tag in match.matches[0].picture.tags} == {"first"}
        assert sorted(bank for match in (octopus, login) for bank in match.matches[0].picture.banks) == ["kits"]
        # Adding one of them again, and another one, is as in any store.
        again = matcher.add((SAMPLES / "baseline" / "tinlark-login.png").read_bytes(), name="again")
        assert not again.new
        assert matcher.add((SAMPLES / "ignore" / "blank.png").read_bytes(), name="blank").new
        assert matcher.stats()["pictures"] == 3


def test_it_is_upgraded_from_its_own_append_only_file(tmp_path: Path) -> None:
    """As the embedded server of the new program finds it in the data folder."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    with gzip.open(FOLDER / "schema-1.aof.gz") as packed, (folder / "appendonly.aof").open("wb") as file:
        shutil.copyfileobj(packed, file)
    server = EmbeddedRedis(folder)
    try:
        store = Store(server.ensure, oldest=1)
        Migration(store).run()
        settings = Settings.load(environ={}, overrides={"data.dir": folder, "workers.count": 1})
        with Matcher.open(settings) as matcher:
            assert [record.tags for record in matcher.collection.newest()] == [("first",)] * 2
    finally:
        server.stop()


def test_records_of_a_next_minor_are_read_and_stay_whole(store_url: str) -> None:
    """Of the same schema, with a fingerprint that this program does not know by its number."""
    collection = collection_on(store_url)
    id = collection.add(picture(1), [seen("/1.png")]).record.id
    records = Records(collection.store)
    (value,) = collection.store.read([records.key(id)])
    assert value is not None
    record = unpack(id, value).record
    assert record is not None
    values, versions = {**record.fingerprints, "#200": b"newer"}, {**record.versions, "#200": 3}
    ours = pack(replace(record, fingerprints=values, versions=versions), LIVE, 1)
    assert len(ours) == len(pack(record, LIVE, 1)) + 1 + 3 + 5  # one byte for its name, as the newer program writes it
    collection.store.write(records.key(id), ours)
    known = collection.get(picture(1).sha256)
    assert (known.fingerprints["#200"], known.versions["#200"]) == (b"newer", 3)
    for n in range(40):
        collection.note(known, [seen("/1.png", 2000 + n)])
    assert records.compact(id, least=0)
    collection.add(picture(1), [seen("/again.png")])
    (after,) = collection.store.read([records.key(id)])
    assert after is not None
    assert b"\xc8\x03\x05\x00newer" in after
    assert Doctor(collection).run(deep=True).clean
