"""A MISP server, asked through PyMISP: patient with one that is busy or away, and plain about what it refuses."""

import base64
import logging
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3
from pymisp import MISPRelationship, PyMISP
from pymisp.exceptions import MISPServerError, PyMISPError, PyMISPUnexpectedResponse

from matcher.errors import BadSettings, FetchFailed, KuatoError, NotFound, Refused, Unauthorized
from misp_module.found import text

Row = dict[str, Any]
Found = TypeVar("Found")
# What may hold a picture's bytes.
TYPES = ("attachment", "malware-sample")
_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_LONGEST_PAUSE = 60.0
_EVENTS_AT_ONCE = 50
_FIRST = 1  # 0 is taken for none
_DAY = 86_400

_log = logging.getLogger(__name__)


class Remote:
    """The server that misp.* names. Connects with the first question; not to be shared between threads but for `data`.

    told: called with what it waits for, in words. Raises BadSettings, Unauthorized, Refused, FetchFailed after misp.retries.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        told: Callable[[str], None] = _log.warning,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._told = told
        self._sleep = sleep
        self._connected: PyMISP | None = None
        self._me: Row = {}
        self.url = settings["misp.url"].rstrip("/")
        if not self.url:
            raise BadSettings("misp.url is empty; give the address of the MISP server, such as https://misp.example")
        if urlsplit(self.url).scheme not in ("http", "https"):
            raise BadSettings("misp.url must begin with https:// (or http://)")
        if not settings["misp.key"]:
            raise BadSettings("misp.key is empty; give the key of a MISP user, best as KUATO_MISP_KEY in the environment")

    @property
    def me(self) -> Row:
        """The user that the key is of, as MISP tells: User, Role, Organisation."""
        if not self._me:
            self._me = _dict(self._ask("who we are", lambda misp: misp.get_user()))
        return self._me

    @property
    def org(self) -> Row:
        """The organisation of that user: id, uuid, name."""
        found = self.me.get("Organisation") or {}
        return {"id": str(self.me["User"]["org_id"]), "uuid": str(found.get("uuid", "")), "name": str(found.get("name", ""))}

    def lacks(self, *rights: str) -> list[str]:
        """Return which of these rights (perm_..) the user's role does not have."""
        role = self.me.get("Role") or {}
        return [right for right in rights if not role.get(right)]

    def attributes(self, **asked: Any) -> list[Row]:
        """Return attributes that may hold pictures, without their bytes, the deleted ones too."""
        found = self._ask(
            "attributes",
            lambda misp: misp.search(
                controller="attributes", type_attribute=list(TYPES), deleted=[0, 1], with_attachments=False, include_context=True, **asked
            ),
        )
        return [row for row in _dict(found).get("Attribute", []) if isinstance(row, dict)]

    def events(self, ids: Iterable[str]) -> dict[str, Row]:
        """Return events by id, without what is in them."""
        found, wanted = dict[str, Row](), list(dict.fromkeys(ids))
        for start in range(0, len(wanted), _EVENTS_AT_ONCE):
            asked = partial(_search_events, ids=wanted[start : start + _EVENTS_AT_ONCE])
            found |= {str(event["id"]): event for event in _events(self._ask("events", asked))}
        return found

    def changed_events(self, start: int, end: int, page: int, limit: int) -> list[Row]:
        """Return the events that changed within a time, without what is in them."""
        answer = self._ask(
            "events that changed",
            lambda misp: misp.search(controller="events", timestamp=(start, end), metadata=True, page=page, limit=limit),
        )
        return list(_events(answer))

    def object(self, id: str) -> Row:
        """Return an object by id or UUID. Raises NotFound."""
        return _dict(_dict(self._ask(f"object {id}", lambda misp: misp.get_object(id))).get("Object"))

    def objects(self, name: str, page: int, limit: int) -> list[Row]:
        """Return objects of a name with their attributes."""
        answer = self._ask(
            f"objects {name}",
            lambda misp: misp.search(controller="objects", object_name=name, page=page, limit=limit, order="Object.id asc"),
        )
        rows = answer if isinstance(answer, list) else []
        return [one["Object"] for one in rows if isinstance(one, dict) and isinstance(one.get("Object"), dict)]

    def objects_in(self, event: str, name: str) -> list[Row]:
        """Return the objects of a name in an event, with their attributes."""
        answer = self._ask(f"objects {name}", lambda misp: misp.search(controller="objects", object_name=name, eventid=event))
        rows = answer if isinstance(answer, list) else []
        return [one["Object"] for one in rows if isinstance(one, dict) and isinstance(one.get("Object"), dict)]

    def attribute(self, uuid: str) -> Row:
        """Return an attribute with its tags, without needing its bytes. Raises NotFound."""
        return _dict(_dict(self._ask(f"attribute {uuid}", lambda misp: misp.get_attribute(uuid))).get("Attribute"))

    def attributes_of_any_type(self, uuid: str) -> list[Row]:
        """Return the attribute with this UUID, whatever it is, without its bytes; none where there is none."""
        found = self._ask(f"attribute {uuid}", lambda misp: misp.search(controller="attributes", uuid=uuid, with_attachments=False))
        return [row for row in _dict(found).get("Attribute", []) if isinstance(row, dict)]

    def data(self, uuid: str) -> bytes:
        """Return the bytes of an attribute, empty where MISP has lost them. Raises NotFound."""
        data = self.attribute(uuid).get("data")
        try:
            return base64.b64decode(data, validate=True) if isinstance(data, str) else b""
        except ValueError:
            return b""

    def sightings(self, uuid: str, source: str) -> list[Row]:
        """Return the sightings of an attribute that have this source, whenever they were. Raises NotFound."""
        # Asked by its number alone does MISP know the attribute here, and without both times it tells of the last 30 days.
        rows = self.attributes_of_any_type(uuid)
        if not rows:
            raise NotFound(f"MISP at {self.url} has no attribute {uuid}")
        asked = {"id": text(rows[0].get("id")), "source": source, **self._since(_FIRST)}
        found = self._ask(f"sightings of {uuid}", lambda misp: _sightings(misp, "sightings/restSearch/attribute", asked))
        return [row for row in _rows(found) if row.get("source") == source]

    def false_positives(self, since: int) -> list[Row]:
        """Return the false-positive sightings on this server since a time, each with its attribute."""
        asked = {"type": "1", "includeAttribute": 1, **self._since(since)}
        return list(_rows(self._ask("sightings", lambda misp: _sightings(misp, "sightings/restSearch", asked))))

    def _since(self, start: int) -> dict[str, int]:
        return {"from": max(_FIRST, start), "to": int(time.time()) + _DAY}

    def sight(self, uuid: str, source: str, when: int) -> None:
        """Add a sighting; not to be asked twice: where the answer was lost, look first. Raises Lost then."""
        sighting = {"type": "0", "source": source, "timestamp": when}
        answer = self._once(f"a sighting of {uuid}", lambda misp: misp.add_sighting(sighting, uuid))
        said = _dict(answer).get("message")
        if isinstance(said, str) and said.startswith("Could not"):  # with status 200
            raise Refused(f"MISP at {self.url} refuses a sighting of {uuid}: {said[:200]}")

    def unsight(self, id: str) -> None:
        """Delete a sighting; that it is not there is as good."""
        self._gone(f"sighting {id}", lambda misp: misp.delete_sighting(id))

    def tag(self, uuid: str, tag: str, local: bool) -> None:
        """Tag an event or attribute; one that has the tag keeps it."""
        self._ask(f"the tag {tag} on {uuid}", lambda misp: misp.tag(uuid, tag, local=local))

    def untag(self, uuid: str, tag: str) -> None:
        """Take a tag from an event or attribute; that it has none is as good."""
        self._gone(f"the tag {tag} on {uuid}", lambda misp: misp.untag(uuid, tag))

    def relate(self, link: MISPRelationship) -> None:
        """Add a relationship that has a UUID; one with that UUID may be there."""
        self._known(f"relationship {link.uuid}", lambda misp: misp.add_relationship(link))

    def relation(self, uuid: str) -> Row:
        """Return a relationship with the opinions on it. Raises NotFound."""
        answer = self._ask(f"relationship {uuid}", lambda misp: misp.get_analyst_data(_relationship(uuid)))
        return _dict(_dict(answer).get("Relationship") or answer)

    def unrelate(self, uuid: str) -> None:
        """Delete a relationship; that it is not there is as good."""
        self._gone(f"relationship {uuid}", lambda misp: misp.delete_relationship(_relationship(uuid)))

    def put_event(self, event: Mapping[str, Any]) -> bool:
        """Add an event that has a UUID, as {"Event": {..}}; False where one with that UUID is there, which stays as it is."""
        try:
            self._ask("an event", lambda misp: _saved(misp.direct_call("events/add", dict(event))))
        except NotFound as error:
            if "already exists" not in str(error):
                raise
            return False
        return True

    def put_object(self, event: str, written: Mapping[str, Any]) -> None:
        """Add an object that has a UUID to an event; one with that UUID may be there."""
        self._known("an object", lambda misp: misp.direct_call(f"objects/add/{event}", dict(written)))

    def edit_object(self, uuid: str, written: Mapping[str, Any]) -> None:
        """Give an object of an event of our own these attributes: those it has by their UUID, others are added, or deleted."""
        self._ask(f"object {uuid}", lambda misp: misp.direct_call(f"objects/edit/{uuid}", dict(written)))

    def drop_object(self, uuid: str) -> None:
        """Delete an object; that it is not there is as good."""
        self._gone(f"object {uuid}", lambda misp: misp.delete_object(uuid))

    def _gone(self, what: str, ask: Callable[[PyMISP], Any]) -> None:
        try:
            self._ask(what, ask)
        except NotFound:
            return

    def _known(self, what: str, ask: Callable[[PyMISP], Any]) -> None:
        try:
            self._ask(what, ask)
        except Refused as error:
            if "unique" not in str(error):
                raise

    def _ask(self, what: str, ask: Callable[[PyMISP], Found]) -> Found:
        """Return the answer to a question that may be asked again."""
        tries = self._settings["misp.retries"] + 1
        for left in range(tries - 1, -1, -1):
            try:
                return self._once(what, ask)
            except Lost as error:
                if not left:
                    raise FetchFailed(f"{error}, {tries} times; what was not done is done the next time") from None
                # Spread, so that many who were turned away together do not come back together.
                pause = min(_LONGEST_PAUSE, self._settings["misp.pause"] * 2 ** (tries - 1 - left)) * random.uniform(0.5, 1.0)  # noqa: S311
                self._told(f"{error}; asking again in {pause:.1f} s")
                self._sleep(pause)
        raise AssertionError(what)

    def _once(self, what: str, ask: Callable[[PyMISP], Found]) -> Found:
        """Return the answer to a question. Raises Lost where it may have been heard or not, and may be asked again."""
        try:
            answer = ask(self._client())
        except MISPServerError as error:
            raise Lost(f"MISP at {self.url} failed when asked for {what} ({_first_line(error)})") from None
        except PyMISPUnexpectedResponse:
            raise Lost(f"what answers at {self.url} does not speak as MISP does (asked for {what})") from None
        except requests.exceptions.SSLError as error:
            raise FetchFailed(f"the certificate of {self.url} is not trusted: {_first_line(error)} (misp.ca_file)") from None
        except requests.exceptions.RequestException as error:
            raise Lost(f"MISP at {self.url} cannot be reached ({type(error).__name__})") from None
        if isinstance(answer, dict) and "errors" in answer:
            raise self._refusal(what, answer["errors"])
        return answer

    def _client(self) -> PyMISP:
        if self._connected is None:
            settings = self._settings
            # It logs what it sent where a server fails: whole pictures.
            logging.getLogger("pymisp").disabled = True
            try:
                self._connected = PyMISP(
                    self.url,
                    settings["misp.key"],
                    ssl=self._trusted(),
                    proxies=self._proxies(),
                    cert=self._shown(),
                    tool="kuato",
                    timeout=settings["misp.timeout"],
                )
            except PyMISPError as error:
                raise self._unconnected(error) from None
        return self._connected

    def _unconnected(self, error: PyMISPError) -> KuatoError:
        """Return what a failure to connect means: PyMISP puts everything into one sentence."""
        said = str(error)
        # As PyMISP gives a status, (403, {..}): the address may have the same digits.
        if re.search(r"\(40[13],", said) or "Authentication failed" in said:
            return Unauthorized(f"MISP at {self.url} does not take misp.key; is it right, and may the user use the API?")
        if "CERTIFICATE_VERIFY_FAILED" in said or "SSL" in said:
            return FetchFailed(f"the certificate of {self.url} is not trusted (misp.ca_file)")
        return Lost(f"MISP at {self.url} cannot be reached, or does not answer as MISP does")

    def _trusted(self) -> bool | str:
        if not self._settings["misp.verify"]:
            self._told("misp.verify is false: whoever is between here and MISP can read misp.key")
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # it would say so with each request
            return False
        file = self._settings["misp.ca_file"] or self._settings["network.ca_file"]
        return str(file) if file else True

    def _proxies(self) -> dict[str, str] | None:
        url = self._settings["misp.proxy"] or self._settings["network.proxy"]
        if not url and self._settings["network.environment"]:
            return None
        # An empty text keeps the environment's proxies out.
        return dict.fromkeys(("http", "https"), "" if url == "none" else url)

    def _shown(self) -> str | tuple[str, str] | None:
        certificate, key = self._settings["network.certificate"], self._settings["network.key"]
        if not certificate:
            return None
        return (str(certificate), str(key)) if key else str(certificate)

    def _refusal(self, what: str, errors: Any) -> KuatoError:
        status, body = errors if isinstance(errors, tuple) and len(errors) == 2 else (0, errors)
        said = f"{body.get('message') or body.get('name')} {body.get('errors') or ''}" if isinstance(body, dict) else body
        why = " ".join(str(said).split())[:200]
        if status in _AGAIN:
            return Lost(f"MISP at {self.url} is busy ({status})")
        if status == 401 or "Authentication failed" in why:
            return Unauthorized(f"MISP at {self.url} does not take misp.key: {why}")
        if status == 404:
            return NotFound(f"MISP at {self.url} has no {what}: {why}")
        return Refused(f"MISP at {self.url} refuses {what}: {why}")


class Lost(FetchFailed):
    """MISP did not answer, or not as it should; what it was told may have been done or not."""


def _saved(answer: Any) -> Any:
    """Return the answer to a new event. What could not be saved of it, as objects that are in other events, is told beside it."""
    return {"Event": answer["Event"]} if isinstance(answer, dict) and "Event" in answer else answer


def _search_events(misp: PyMISP, ids: Any) -> Any:
    return misp.search(controller="events", eventid=ids, metadata=True)


def _sightings(misp: PyMISP, path: str, asked: Mapping[str, Any]) -> Sequence[Any]:
    answer = misp.direct_call(path, {"returnFormat": "json", **asked})
    if isinstance(answer, dict) and "errors" in answer:
        return answer  # type: ignore[return-value]
    return answer if isinstance(answer, list) else []


def _rows(found: Sequence[Any]) -> Iterator[Row]:
    return (one["Sighting"] for one in found if isinstance(one, dict) and isinstance(one.get("Sighting"), dict))


def _relationship(uuid: str) -> MISPRelationship:
    found = MISPRelationship()
    found.uuid = uuid
    return found


def _events(answer: Any) -> Iterator[Row]:
    for one in answer if isinstance(answer, list) else []:
        event = one.get("Event") if isinstance(one, dict) else None
        if isinstance(event, dict) and "id" in event:
            yield event


def _dict(value: Any) -> Row:
    return value if isinstance(value, dict) else {}


def _first_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:120]
