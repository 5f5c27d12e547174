from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from matcher.client import Client
from matcher.client.form import File
from matcher.client.many import Sending
from matcher.errors import Late, NotFound, Unauthorized
from matcher.settings import Settings
from matcher.tokens import Role
from matcher.web.app import create_app
from tests.matcher.client.conftest import COPY, LOGIN, Clock
from tests.matcher.in_process import services_on, serving
from tests.matcher.pictures import encoded, photo

NAMES = [LOGIN, COPY, "baseline/ovalquay-login.png", "baseline/marrowbridge-login.png", "seen/octopus-drawing.png"]


@pytest.fixture
def limited(settings: Settings) -> Iterator[Callable[..., Client]]:
    """Make a client of a server with other settings."""
    with ExitStack() as running:

        def make(**overrides: object) -> Client:
            named = {name.replace("__", "."): value for name, value in overrides.items()}
            services = running.enter_context(services_on(settings.with_overrides(named)))
            server = running.enter_context(serving(create_app(services)))
            return running.enter_context(Client(server.url, patience=Clock().patience()))

        yield make


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Twelve small pictures, all different."""
    paths = [tmp_path / f"{number:02}.png" for number in range(12)]
    for number, path in enumerate(paths):
        path.write_bytes(encoded(photo(80, 60, seed=number)))
    return paths


def test_results_come_in_the_order_the_pictures_were_given(client, sample, tmp_path):
    client.banks.create("b")
    given = [sample(LOGIN), tmp_path / "missing.png", ("renamed.png", sample(COPY).read_bytes()), b"no picture", sample(LOGIN)]
    added = client.add_many(given, sources=["file:x"], tags=["t"], banks=["b"], search=True)
    results = list(client.wait(added))
    assert [(result["index"], result["name"]) for result in results] == [
        (0, "tinlark-login.png"),
        (1, "missing.png"),
        (2, "renamed.png"),
        (3, "picture"),
        (4, "tinlark-login.png"),
    ]
    assert [result["error"] and result["error"]["code"] for result in results] == [None, "not-found", None, "not-a-picture", None]
    assert (added.total, len(added.jobs), list(added.failures)) == (5, 1, [1])
    assert {picture["tags"][0] for picture in client.find(bank="b", source="file:x")} == {"t"}

    searched = client.search_many([sample(COPY), sample("seen/octopus-drawing.png")], limit=1, banks=["b"])
    assert [result["result"]["decision"] for result in client.wait(searched)] == ["YES", "NO"]


def test_nothing_is_no_job(client):
    assert list(client.wait(client.add_many([]))) == []
    assert list(client.jobs.list()) == []


def test_a_job_can_be_waited_for_by_its_id(client, sample):
    (id,) = client.add_many([sample(name) for name in NAMES]).jobs
    assert [result["index"] for result in client.wait(id)] == list(range(len(NAMES)))
    assert client.jobs.get(id, wait=1)["state"] == "done"
    assert [result["index"] for result in client.jobs.results(id, after=2)] == [3, 4]
    assert [job["id"] for job in client.jobs.list()] == [id]
    with pytest.raises(NotFound):
        list(client.wait("0190a4b2-0000-7000-8000-000000000000"))


def test_a_cancelled_job_leaves_no_gap(client, sample, services):
    services.jobs.stop()  # so that it surely waits
    many = client.add_many([sample(name) for name in NAMES])
    assert client.jobs.cancel(many.jobs[0])["state"] == "cancelled"
    results = list(client.wait(many))
    assert [result["index"] for result in results] == list(range(len(NAMES)))
    assert all("cancelled" in result["error"]["message"] for result in results)


def test_waiting_has_an_end(client, sample, services):
    services.jobs.stop()
    many = client.search_many([sample(LOGIN)])
    with pytest.raises(Late, match="goes on"):
        list(client.wait(many, seconds=0))
    services.jobs.start()
    assert [result["result"]["decision"] for result in client.wait(many)] == ["NO"]


# Werkzeug leaves it to the garbage collector to close the file of the part that was one too many.
too_many_parts = pytest.mark.filterwarnings("ignore:Exception ignored in.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning")


@too_many_parts
def test_batches_get_smaller_until_the_server_takes_their_parts(limited, files):
    client = limited(web__max_parts=4)
    many = client.add_many(files, tags=["t"])
    assert len(many.jobs) >= 4
    assert max(len(batch.names) for batch in many.batches) <= 3
    assert [result["name"] for result in client.wait(many)] == [path.name for path in files]
    assert len(list(client.find(tag="t"))) == len(files)


def test_batches_get_smaller_until_the_server_takes_their_bytes(limited, sample):
    largest = max(sample(name).stat().st_size for name in NAMES)
    client = limited(web__max_body=max(largest + 2000, 1 << 16))
    many = client.search_many([sample(name) for name in NAMES])
    assert 1 < len(many.jobs) <= len(NAMES)
    assert [result["error"] for result in client.wait(many)] == [None] * len(NAMES)


@pytest.mark.parametrize("pages", [64 << 20, 100_000])
def test_one_picture_that_is_too_large_fails_alone(limited, files, tmp_path, pages):
    client = limited(picture__max_bytes=100_000, pages__max_bytes=pages)
    (tmp_path / "large.bmp").write_bytes(bytes(100_001))
    given = [*files[:5], tmp_path / "large.bmp", *files[5:]]
    results = list(client.wait(client.add_many(given)))
    assert [result["name"] for result in results] == [path.name for path in given]
    assert [result["name"] for result in results if result["error"]] == ["large.bmp"]
    assert results[5]["error"]["code"] == "too-large"


@too_many_parts
def test_what_the_server_has_no_room_for_waits_for_what_it_works_on(limited, files):
    client = limited(web__max_parts=3, jobs__max_waiting=1)
    results = list(client.wait(client.add_many(files)))
    assert [(result["name"], result["error"]) for result in results] == [(path.name, None) for path in files]


def test_pictures_are_read_when_they_are_sent(limited, files, monkeypatch):
    client = limited()
    held, most = [0], [0]

    class Counted(File):
        def __init__(self, name, data):
            super().__init__(name, data)
            held[0] += 1
            most[0] = max(most[0], held[0])

        def __del__(self):
            held[0] -= 1

    monkeypatch.setattr("matcher.client.form.File", Counted)
    many = client.search_many(path for _ in range(60) for path in files)
    assert (many.total, len(many.jobs)) == (720, 4)
    assert most[0] == 200 + 1


def test_what_was_handed_over_before_an_end_is_told(services, server, files):
    token, secret = services.tokens.create("a test", Role.WRITE)

    def pictures() -> Iterator[Path]:
        yield from files[:5]
        services.tokens.revoke(token.id)
        yield from files[5:]

    with Client(server.url, secret) as client, pytest.raises(Unauthorized, match="4 pictures before were handed over, as the jobs"):
        Sending(client._transport, ("pictures", "many"), {}, 1 << 20, count=2).run(pictures())
