"""Kuato from other programs: a client of its HTTP API.

    with Client("https://kuato.example", token) as kuato:
        answer = kuato.search("screenshot.png")
        print(answer["decision"], [match["picture"]["sha256"] for match in answer["matches"]])

It needs urllib3, and nothing of what a server needs.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from matcher.client.banks import Banks
from matcher.client.details import Moment, Source, gained, listed, moment
from matcher.client.form import Form, Given, Named, read
from matcher.client.jobs import Jobs
from matcher.client.many import Batch, Many, Sending, joined
from matcher.client.patience import Patience
from matcher.client.transport import Question, Transport

if TYPE_CHECKING:
    from matcher.shapes import Answer, Comparison, Hashes, Picture, WholePicture
    from matcher.web.acts import AddedPicture
    from matcher.web.jobs import JobResult

__all__ = ["Banks", "Batch", "Client", "Given", "Jobs", "Many", "Named", "Patience", "Source"]

_PAGE = 100
_MAX_FILE = 128 << 20


class Client:
    """Asks one Kuato server. Safe to share between threads; close it, or use it in a `with`.

    url: of the server, with the prefix under which it is published. token: as `kuato token create` printed it.
    ca_file: certificates (PEM) to trust instead of the system's. certificate, key: what to show the server (PEM).
    proxy: http://host:port to go through; without it a proxy of the environment counts only with environment=True.
    timeout: seconds that the server may be silent. patience: how long to go on asking where that is safe.
    insecure: send the token over http to another machine all the same. max_file: bytes of a picture beyond which it is not sent.

    A picture is given as its bytes, its path, or a file open in binary; its name goes along, without folders.
    What goes wrong is an error of `matcher.errors`, the one that the server names by its code; ServerUnavailable where it did
    not answer. Asked again, until patience ends, is what changes nothing or adds (the same picture twice is the same
    picture): when the connection breaks, or the server says 429, 502, 503 or 504. All else only when it surely did not begin.
    Raises BadRequest, BadSettings.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        ca_file: str | os.PathLike[str] | None = None,
        certificate: str | os.PathLike[str] | None = None,
        key: str | os.PathLike[str] | None = None,
        proxy: str | None = None,
        environment: bool = False,
        timeout: float = 60.0,
        patience: Patience | None = None,
        insecure: bool = False,
        max_file: int = _MAX_FILE,
    ) -> None:
        network = {
            "network.ca_file": ca_file,
            "network.certificate": certificate,
            "network.key": key,
            "network.proxy": proxy or "",
            "network.environment": environment,
        }
        self._transport = Transport(url, token, network, timeout=timeout, patience=patience or Patience(), insecure=insecure)
        self._max_file = max_file
        self.banks = Banks(self._transport)
        self.jobs = Jobs(self._transport)

    def __repr__(self) -> str:
        return f"Client({self._transport.root!r})"

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._transport.close()

    def add(
        self,
        picture: Given,
        *,
        name: str | None = None,
        sources: Iterable[Source] = (),
        tags: Iterable[str] = (),
        banks: Iterable[str] = (),
    ) -> "AddedPicture":
        """Remember a picture; known already, it gains sources, tags and banks.

        sources: "kind:id" each, or objects with kind, id, first_seen, last_seen, metadata, visibility.
        """
        return self._add(picture, name, gained(sources, tags, banks), {})

    def add_and_search(
        self,
        picture: Given,
        *,
        name: str | None = None,
        sources: Iterable[Source] = (),
        tags: Iterable[str] = (),
        banks: Iterable[str] = (),
        limit: int | None = None,
    ) -> "AddedPicture":
        """Look for a picture, then remember it; `answer` is what was found before. limit: most matches.

        Where the connection broke in between and it was asked again, the first try may have added the picture: it is then
        among its own matches, and `new` is false.
        """
        return self._add(picture, name, gained(sources, tags, banks), {"search": True, "limit": limit})

    def add_url(
        self,
        url: str,
        *,
        sources: Iterable[Source] = (),
        tags: Iterable[str] = (),
        banks: Iterable[str] = (),
        search: bool = False,
        limit: int | None = None,
    ) -> "AddedPicture":
        """Have the server fetch a picture and remember it. Raises FetchRefused where its operator does not allow that, FetchFailed."""
        wanted = gained(sources, tags, banks, url=url, search=search, limit=limit)
        found: AddedPicture = self._transport.send("POST", "pictures", "fetch", value=wanted, repeatable=True)
        return found

    def add_many(
        self,
        pictures: Iterable[Named],
        *,
        sources: Iterable[Source] = (),
        tags: Iterable[str] = (),
        banks: Iterable[str] = (),
        search: bool = False,
        limit: int | None = None,
    ) -> Many:
        """Have many pictures remembered, in jobs; `wait` yields their results. search: look for each of them first.

        pictures: read as they are sent, so there may be any number; one that cannot be read fails alone.
        """
        details = gained(sources, tags, banks, search=search, limit=limit)
        return Sending(self._transport, ("pictures", "many"), details, self._max_file).run(pictures)

    def search(self, picture: Given, *, name: str | None = None, limit: int | None = None, banks: Iterable[str] = ()) -> "Answer":
        """Tell which known pictures this one may be: YES, MAYBE or NO, and why. banks: only pictures in one of these."""
        form = Form.of([read(picture, self._max_file, name)])
        found: Answer = self._transport.post(form, "search", query={"limit": limit, "bank": listed(banks)}, repeatable=True)
        return found

    def search_by(
        self,
        picture: Given,
        *,
        algorithm: str | None = None,
        same_hash: str | None = None,
        max_distance: float | None = None,
        min_similarity: float | None = None,
        metric: str | None = None,
        metadata: Mapping[str, str] | None = None,
        name: str | None = None,
        limit: int | None = None,
        banks: Iterable[str] = (),
    ) -> "Answer":
        """Tell which known pictures one algorithm finds near this one, or which have the same hash; for experts.

        max_distance, min_similarity: 0 to 1, one of them. metric: "euclidean" or "manhattan", of vectors. metadata: what a
        source of the picture must have.
        """
        form = Form.of([read(picture, self._max_file, name)])
        wanted = [f"{key}={value}" for key, value in (metadata or {}).items()]
        query: dict[str, Any] = {
            "algorithm": algorithm,
            "same_hash": same_hash,
            "max_distance": max_distance,
            "min_similarity": min_similarity,
        }
        query |= {"metric": metric, "metadata": listed(wanted), "limit": limit, "bank": listed(banks)}
        found: Answer = self._transport.post(form, "search", "expert", query=query, repeatable=True)
        return found

    def search_many(self, pictures: Iterable[Named], *, limit: int | None = None, banks: Iterable[str] = ()) -> Many:
        """Have many pictures searched for, in jobs; `wait` yields their results."""
        details = gained(banks=banks, limit=limit)
        return Sending(self._transport, ("search", "many"), details, self._max_file).run(pictures)

    def search_sha256(self, sha256: str, *, limit: int | None = None, banks: Iterable[str] = ()) -> "Answer":
        """Tell which other known pictures a known one may be. Raises NotFound."""
        query = {"limit": limit, "bank": listed(banks)}
        found: Answer = self._transport.get("pictures", sha256, "matches", query=query)
        return found

    def search_fingerprints(
        self, fingerprints: Mapping[str, str], *, sha256: str | None = None, limit: int | None = None, banks: Iterable[str] = ()
    ) -> "Answer":
        """Tell which known pictures have such fingerprints (by algorithm, in hexadecimal, as `hash` gives them)."""
        wanted = gained(banks=banks, sha256=sha256, limit=limit) | {"fingerprints": dict(fingerprints)}
        found: Answer = self._transport.send("POST", "search", "fingerprints", value=wanted, repeatable=True)
        return found

    def search_url(self, url: str, *, limit: int | None = None, banks: Iterable[str] = ()) -> "Answer":
        """Have the server fetch a picture and search for it. Raises FetchRefused where its operator does not allow that, FetchFailed."""
        wanted = gained(banks=banks, url=url, limit=limit)
        found: Answer = self._transport.send("POST", "search", "fetch", value=wanted, repeatable=True)
        return found

    def search_text(self, text: str, *, limit: int | None = None, banks: Iterable[str] = ()) -> "Answer":
        """Search for pictures on which such words can be read; the server's operator must have enabled that."""
        found: Answer = self._transport.send("POST", "search", "text", value=gained(banks=banks, text=text, limit=limit), repeatable=True)
        return found

    def search_description(self, text: str, *, limit: int | None = None, banks: Iterable[str] = ()) -> "Answer":
        """Search for pictures that show what a text says; the server's operator must have enabled that, with a model."""
        found: Answer = self._transport.send(
            "POST", "search", "description", value=gained(banks=banks, text=text, limit=limit), repeatable=True
        )
        return found

    def wait(self, work: Many | str, seconds: float | None = None) -> "Iterator[JobResult]":
        """Yield the results of work on many pictures, or of one job by its id, in the order the pictures were given, as they come.

        Of `Many` there is exactly one for each picture, with its position as index: `result` is what `add` or `search`
        would have returned, or null, and then `error` says why. Raises Late when it takes longer than so many seconds; the
        work goes on all the same, and can be waited for again. Raises NotFound for a job that is no longer kept.
        """
        deadline = None if seconds is None else self._transport.patience.clock() + seconds
        return self.jobs.outcome(work, deadline) if isinstance(work, str) else joined(self.jobs, work, deadline)

    def compare(self, first: Given, second: Given) -> "Comparison":
        """Tell what two pictures have to do with each other; known ones do not matter."""
        form = Form.of([read(first, self._max_file), read(second, self._max_file)])
        found: Comparison = self._transport.post(form, "compare", repeatable=True)
        return found

    def hash(self, picture: Given, *, name: str | None = None, algorithms: Iterable[str] = ()) -> "Hashes":
        """Compute the fingerprints of a picture. algorithms: only these; all that are enabled by default."""
        form = Form.of([read(picture, self._max_file, name)])
        found: Hashes = self._transport.post(form, "hash", query={"algorithm": listed(algorithms)}, repeatable=True)
        return found

    def get(self, sha256: str) -> "WholePicture":
        """Return a known picture with its fingerprints. Raises NotFound."""
        found: WholePicture = self._transport.get("pictures", sha256)
        return found

    def find(
        self,
        *,
        tag: str | None = None,
        bank: str | None = None,
        source: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        page: int = _PAGE,
    ) -> "Iterator[Picture]":
        """Yield known pictures, newest first, asking for them page by page.

        source: kind, or kind:id. since, until: when they were added. page: how many to ask for at once.
        """
        wanted = {"tag": tag, "bank": bank, "source": source, "since": moment(since), "until": moment(until), "limit": page}
        after = None
        while True:
            found = self._transport.get("pictures", query={**wanted, "after": after})
            yield from found["pictures"]
            after = found["next"]
            if after is None:
                return

    def change(
        self,
        sha256: str,
        *,
        add_tags: Iterable[str] = (),
        remove_tags: Iterable[str] = (),
        add_banks: Iterable[str] = (),
        remove_banks: Iterable[str] = (),
        add_sources: Iterable[Source] = (),
        remove_sources: Iterable[str] = (),
    ) -> "Picture":
        """Change where a known picture was seen, its tags and its banks. Raises NotFound."""
        changes: dict[str, Any] = {
            "add_tags": listed(add_tags),
            "remove_tags": listed(remove_tags),
            "add_banks": listed(add_banks),
            "remove_banks": listed(remove_banks),
            "add_sources": gained(add_sources).get("sources", []),
            "remove_sources": listed(remove_sources),
        }
        found: Picture = self._transport.send("PATCH", "pictures", sha256, value={name: value for name, value in changes.items() if value})
        return found

    def remove(self, sha256: str) -> None:
        """Forget a picture: from now on it answers nowhere. Raises NotFound, also when a first try that was not answered did it."""
        self._transport.send("DELETE", "pictures", sha256)

    def stats(self) -> dict[str, Any]:
        """Return how much is known, what it takes, and for how many more there is room."""
        found: dict[str, Any] = self._transport.get("stats")
        return found

    def export(self) -> Iterator[bytes]:
        """Yield everything as JSON lines, in pieces of any length. Raises ServerUnavailable when it breaks off."""
        return self._transport.stream(Question("GET", ("export",), repeatable=True))

    def _add(self, picture: Given, name: str | None, details: Mapping[str, Any], query: Mapping[str, Any]) -> "AddedPicture":
        form = Form.of([read(picture, self._max_file, name)], details)
        found: AddedPicture = self._transport.post(form, "pictures", query=query, repeatable=True)
        return found
