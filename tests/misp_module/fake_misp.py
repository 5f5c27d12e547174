"""A MISP server as PyMISP meets it, served over HTTP from this process: what sync and write-back need, with its faults.

It keeps to what was seen on a real MISP 2.5.1, and read in its source: restSearch has no default order and both ends of
`timestamp` count; what is deleted stays and is marked; 4xx come with a JSON body, 5xx often after the work was done; sightings
have no key of their own, so one sent twice is there twice, and are searched for by the number of an attribute alone, without both
times only those of the last 30 days; an event can be changed by its own organisation alone, and not where it came from another
server; local tags are for users of the host organisation; tags and sightings leave an event as it is, everything else unpublishes it;
an event whose UUID is there is refused with 404, and of a new one what cannot be saved is told beside what was.
"""

import base64
import logging
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, abort, jsonify, request
from pymisp.abstract import describe_types
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.serving import make_server

Row = dict[str, Any]
OWN, FOREIGN = "1", "2"
KEY = "k" * 40


@dataclass
class Faults:
    """How the server fails. broken: the share of requests answered with 500, half of these after their work was done.

    busy: how many of the next requests are answered with 429. slow: seconds that each request takes. down: it answers 503.
    half: of the next event so many objects are saved, then it answers with 500; 0: all are.
    """

    broken: float = 0.0
    busy: int = 0
    slow: float = 0.0
    down: bool = False
    half: int = 0


@dataclass
class FakeMisp:
    """The server's database. Every table is a dict by id; rows look as they do in MISP's JSON. All of it may be read by tests."""

    seed: int = 0
    faults: Faults = field(default_factory=Faults)
    host_org: str = OWN
    rights: set[str] = field(
        default_factory=lambda: {"perm_add", "perm_tagger", "perm_sighting", "perm_analyst_data", "perm_modify", "perm_tag_editor"}
    )
    orgs: dict[str, Row] = field(default_factory=dict)
    events: dict[str, Row] = field(default_factory=dict)
    objects: dict[str, Row] = field(default_factory=dict)
    attributes: dict[str, Row] = field(default_factory=dict)
    sightings: dict[str, Row] = field(default_factory=dict)
    analyst: dict[str, Row] = field(default_factory=dict)
    tags: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    url: str = ""
    # Called when a new event is saved, before that is answered.
    saved: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.lock = threading.RLock()
        for id, name in ((OWN, "OURS"), (FOREIGN, "THEIRS")):
            self.orgs[id] = {"id": id, "name": name, "uuid": self.uuid()}

    def uuid(self) -> str:
        """Return a UUID, the same ones for the same seed."""
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def event(self, info: str = "an event", org: str = OWN, **more: Any) -> Row:
        """Add an event."""
        id = str(len(self.events) + 1)
        row: Row = {"id": id, "uuid": self.uuid(), "info": info, "orgc_id": org, "org_id": self.host_org, "distribution": "1"}
        row |= {"sharing_group_id": "0", "timestamp": "1772409600", "published": False, "locked": False, "Tag": []}
        self.events[id] = row | more
        return self.events[id]

    def object(self, event: Row, name: str, **more: Any) -> Row:
        """Add an object to an event."""
        id = str(len(self.objects) + 1)
        row = {"id": id, "uuid": self.uuid(), "name": name, "event_id": event["id"], "timestamp": event["timestamp"]}
        self.objects[id] = row | {"distribution": "5", "sharing_group_id": "0", "deleted": False} | more
        return self.objects[id]

    def attach(self, event: Row, data: bytes, name: str = "shot.png", within: Row | None = None, **more: Any) -> Row:
        """Add an attachment to an event, or to an object of it."""
        row = {"type": "attachment", "value": name, "data": base64.b64encode(data).decode(), "timestamp": event["timestamp"]}
        return self.attribute(event, within, **(row | more))

    def attribute(self, event: Row, within: Row | None = None, **more: Any) -> Row:
        """Add an attribute of any type."""
        id = str(len(self.attributes) + 1)
        row: Row = {"id": id, "uuid": self.uuid(), "event_id": event["id"], "object_id": within["id"] if within else "0"}
        row |= {"object_relation": None, "category": "External analysis", "to_ids": False, "timestamp": event["timestamp"]}
        row |= {"distribution": "5", "sharing_group_id": "0", "comment": "", "deleted": False, "disable_correlation": False, "Tag": []}
        self.attributes[id] = row | {"first_seen": None, "last_seen": None, "type": "text", "value": ""} | more
        return self.attributes[id]

    def delete(self, row: Row, when: int) -> None:
        """Mark an attribute deleted, as MISP does."""
        row |= {"deleted": True, "timestamp": str(when)}
        row.pop("data", None)

    def of_orgs(self, org: str) -> Row:
        """Return a copy of what an organisation's events hold that only that organisation may change."""
        with self.lock:
            ids = {id for id, event in self.events.items() if event["orgc_id"] == org}
            tables: Row = {"events": {id: self.events[id] for id in ids}}
            tables["objects"] = [row for row in self.objects.values() if row["event_id"] in ids]
            tables["attributes"] = [row for row in self.attributes.values() if row["event_id"] in ids]
            kept = deepcopy(tables)
        for row in (*kept["events"].values(), *kept["attributes"]):
            row["Tag"] = [tag for tag in row["Tag"] if not tag["local"]]
        return kept

    @contextmanager
    def served(self) -> Iterator["FakeMisp"]:
        """Serve it on a port of loopback."""
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server = make_server("127.0.0.1", 0, app_of(self), threaded=True)
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    # What follows serves requests.

    def crowded(self) -> bool:
        """Whether a request comes too soon after others."""
        self.faults.busy -= 1
        return self.faults.busy >= 0

    def seen(self, event: Row) -> bool:
        return event["orgc_id"] == OWN or event["distribution"] != "0"

    def found(self, table: dict[str, Row], name: str, what: str) -> Row:
        """Return a row by id or UUID that the user may see, or answer 404."""
        for row in table.values():
            if name in (row["id"], row["uuid"]):
                event = self.events.get(row.get("event_id", row["id"]))
                if event is not None and self.seen(event):
                    return row
        raise NotFound(f"Invalid {what}")

    def changeable(self, event: Row) -> None:
        """Answer 403 unless the user may change an event; it is no longer published then."""
        if event["orgc_id"] != OWN or event["locked"] or "perm_modify" not in self.rights:
            abort(403, "You do not have permission to do that.")
        event["published"] = False
        event["timestamp"] = str(int(time.time()))

    def shown(self, row: Row, with_data: bool) -> Row:
        """Return an attribute as restSearch does."""
        event = self.events[row["event_id"]]
        shown = {key: value for key, value in row.items() if key != "data" or with_data}
        shown["Event"] = {key: event[key] for key in ("id", "uuid", "info", "org_id", "orgc_id", "distribution", "timestamp")}
        return shown

    def whole_event(self, event: Row) -> Row:
        shown = {key: value for key, value in event.items() if key != "SharingGroup"}
        shown |= {"Orgc": self.orgs[event["orgc_id"]], "Org": self.orgs[event["org_id"]]}
        if event["distribution"] == "4":
            shown["SharingGroup"] = {
                "id": event["sharing_group_id"],
                "uuid": f"00000000-0000-4000-8000-{int(event['sharing_group_id']):012d}",
            }
        return shown

    def selected(self, rows: Iterable[Row], asked: Row) -> list[Row]:
        """Return what a search asks for, in no certain order."""
        found = list(rows)
        if asked.get("timestamp") is not None:
            start, end = (int(float(one)) for one in asked["timestamp"])
            found = [row for row in found if start <= int(row["timestamp"]) <= end]
        for name, key in (("eventid", "event_id"), ("uuid", "uuid"), ("type", "type")):
            if asked.get(name) is not None:
                wanted = {str(one) for one in (asked[name] if isinstance(asked[name], list) else [asked[name]])}
                found = [row for row in found if str(row.get(key, row["id"])) in wanted or (name == "eventid" and row["uuid"] in wanted)]
        deleted = asked.get("deleted")
        if not (isinstance(deleted, list) and {str(one) for one in deleted} == {"0", "1"}):
            found = [row for row in found if not row.get("deleted")]
        self.chance.shuffle(found)
        if order := asked.get("order"):
            column, _, way = str(order).partition(" ")
            name = column.rpartition(".")[2]
            found.sort(key=lambda row: (int(row[name]), int(row["id"])), reverse=way.lower() == "desc")
        if limit := asked.get("limit"):
            start = (int(asked.get("page") or 1) - 1) * int(limit)
            found = found[start : start + int(limit)]
        return found


def app_of(misp: FakeMisp) -> Flask:
    """Return the server's application."""
    app = Flask("misp")

    @app.before_request
    def admit() -> Any:
        with misp.lock:
            misp.requests.append(f"{request.method} {request.path}")
            crowded, broken = misp.crowded(), misp.chance.random() < misp.faults.broken
            late = misp.chance.random() < 0.5
        if misp.faults.slow:
            time.sleep(misp.faults.slow)
        if request.headers.get("Authorization") != KEY:
            return jsonify(name="Authentication failed.", message="Authentication failed.", url=request.path), 403
        if misp.faults.down:
            return Response("<html>Service Unavailable</html>", 503)
        if crowded:
            return jsonify(name="Rate limit exceeded.", message="Rate limit exceeded.", url=request.path), 429
        request.environ["broken"] = broken
        return Response("<html>An Internal Error Has Occurred.</html>", 500) if broken and not late else None

    @app.after_request
    def spoil(response: Response) -> Response:
        if request.environ.get("broken"):
            return Response("<html>An Internal Error Has Occurred.</html>", 500)
        return response

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> Any:
        return jsonify(name=error.description, message=error.description, url=request.path), error.code

    _about(app, misp)
    _searching(app, misp)
    _marking(app, misp)
    _analyst_data(app, misp)
    _adding(app, misp)
    _editing(app, misp)
    return app


def _about(app: Flask, misp: FakeMisp) -> None:
    @app.get("/servers/getVersion")
    def version() -> Any:
        return jsonify(version="2.5.1", pymisp_recommended_version="2.5.1", perm_sync=False, perm_sighting=True)

    @app.get("/users/view/me")
    def me() -> Any:
        role = {"id": "3", "name": "Sync", "perm_auth": True} | dict.fromkeys(misp.rights, True)
        user = {"id": "7", "email": "kuato@ours.test", "org_id": OWN}
        return jsonify({"User": user, "Role": role, "UserSetting": [], "Organisation": misp.orgs[OWN]})

    @app.get("/attributes/describeTypes.json")
    def types() -> Any:
        return jsonify(result=describe_types)


def _searching(app: Flask, misp: FakeMisp) -> None:
    @app.post("/attributes/restSearch")
    def attributes() -> Any:
        asked = request.get_json()
        with misp.lock:
            rows = [row for row in misp.attributes.values() if misp.seen(misp.events[row["event_id"]])]
            found = misp.selected(rows, asked)
            return jsonify(response={"Attribute": [misp.shown(row, bool(asked.get("withAttachments"))) for row in found]})

    @app.post("/events/restSearch")
    def events() -> Any:
        with misp.lock:
            found = misp.selected((event for event in misp.events.values() if misp.seen(event)), request.get_json())
            return jsonify(response=[{"Event": misp.whole_event(event)} for event in found])

    @app.post("/events/index")
    def index() -> Any:
        with misp.lock:
            return jsonify([{"id": event["id"], "uuid": event["uuid"]} for event in misp.events.values() if misp.seen(event)])

    @app.post("/objects/restSearch")
    def objects() -> Any:
        asked = request.get_json()
        with misp.lock:
            rows = (row for row in misp.objects.values() if asked.get("object_name") in (None, row["name"]))
            found = misp.selected((row for row in rows if misp.seen(misp.events[row["event_id"]])), asked)
            return jsonify(response=[{"Object": _object(misp, row)} for row in found])

    @app.get("/attributes/view/<name>")
    def attribute(name: str) -> Any:
        with misp.lock:
            return jsonify(Attribute=misp.shown(misp.found(misp.attributes, name, "attribute"), True))

    @app.get("/objects/view/<name>")
    def an_object(name: str) -> Any:
        with misp.lock:
            return jsonify(Object=_object(misp, misp.found(misp.objects, name, "object")))


def _object(misp: FakeMisp, row: Row) -> Row:
    parts = [part for part in misp.attributes.values() if part["object_id"] == row["id"] and not part["deleted"]]
    return row | {"Attribute": [{key: value for key, value in part.items() if key != "data"} for part in parts]}


def _marking(app: Flask, misp: FakeMisp) -> None:
    @app.post("/tags/attachTagToObject")
    def attach() -> Any:
        asked = request.get_json()
        with misp.lock:
            target = _taggable(misp, asked["uuid"])
            if not asked["local"]:
                misp.changeable(misp.events[target.get("event_id", target["id"])])
            elif misp.host_org != OWN:
                abort(403, "Invalid Target.")
            if asked["tag"] not in misp.tags:
                if "perm_tag_editor" not in misp.rights:
                    abort(404, "Invalid Tag(s).")
                misp.tags.add(asked["tag"])
            if all(tag["name"] != asked["tag"] for tag in target["Tag"]):
                target["Tag"].append({"name": asked["tag"], "local": bool(asked["local"])})
            return jsonify(saved=True, success="Tag added.", check_publish=True)

    @app.post("/tags/removeTagFromObject")
    def remove() -> Any:
        asked = request.get_json()
        with misp.lock:
            target = _taggable(misp, asked["uuid"])
            known = next((tag for tag in target["Tag"] if tag["name"] == asked["tag"]), None)
            if known is None:
                abort(404, "Invalid Tag.")
            if not known["local"]:
                misp.changeable(misp.events[target.get("event_id", target["id"])])
            target["Tag"].remove(known)
            return jsonify(saved=True, success="Tag removed.")

    @app.post("/sightings/add/<name>")
    def sight(name: str) -> Any:
        asked = request.get_json()
        with misp.lock:
            if "perm_sighting" not in misp.rights:
                abort(405, "You are not authorised to add sightings data.")
            target = misp.found(misp.attributes, name, "attribute")
            row = misp_sighting(
                misp, target, str(asked.get("type", "0")), str(asked.get("source", "")), int(asked.get("timestamp", time.time()))
            )
            return jsonify(Sighting=row)

    @app.post("/sightings/restSearch", defaults={"context": ""})
    @app.post("/sightings/restSearch/<context>")
    def sightings(context: str) -> Any:
        asked = request.get_json()
        with misp.lock:
            found = list(misp.sightings.values())
            if context == "attribute":
                found = [row for row in found if row["attribute_id"] == str(asked["id"])]  # by number alone
            for name in ("type", "source"):
                if asked.get(name) is not None:
                    found = [row for row in found if row[name] == str(asked[name])]
            start, end = time.time() - 30 * 86_400, float("inf")
            if asked.get("from") and asked.get("to"):
                start, end = float(asked["from"]), float(asked["to"])
            found = [row for row in found if start <= int(row["date_sighting"]) <= end]
            return jsonify(response=[{"Sighting": _sighting(misp, row, bool(asked.get("includeAttribute")))} for row in found])

    @app.post("/sightings/delete/<name>")
    def unsight(name: str) -> Any:
        with misp.lock:
            row = next((row for row in misp.sightings.values() if name in (row["id"], row["uuid"])), None)
            if row is None or row["org_id"] != OWN:
                abort(404, "Invalid sighting.")
            del misp.sightings[row["id"]]
            return jsonify(saved=True, success="Sighting successfuly deleted.")


def _sighting(misp: FakeMisp, row: Row, with_attribute: bool) -> Row:
    shown = {key: value for key, value in row.items() if key != "attribute_uuid"} | {"Organisation": misp.orgs[row["org_id"]]}
    attribute = {key: value for key, value in misp.attributes[row["attribute_id"]].items() if key != "data"}
    return shown | ({"Attribute": attribute} if with_attribute else {})


def misp_sighting(misp: FakeMisp, target: Row, type: str, source: str, when: int, org: str = OWN) -> Row:
    """Add a sighting of an attribute."""
    id = str(max(map(int, misp.sightings), default=0) + 1)
    row = {"id": id, "uuid": misp.uuid(), "attribute_id": target["id"], "attribute_uuid": target["uuid"], "event_id": target["event_id"]}
    misp.sightings[id] = row | {"org_id": org, "type": type, "source": source, "date_sighting": str(when)}
    return misp.sightings[id]


def _taggable(misp: FakeMisp, name: str) -> Row:
    for table in (misp.events, misp.attributes):
        for row in table.values():
            if row["uuid"] == name and misp.seen(misp.events[row.get("event_id", row["id"])]):
                return row
    raise NotFound("Invalid Target.")


def _analyst_data(app: Flask, misp: FakeMisp) -> None:
    @app.post("/analyst_data/add/<kind>/<target>/<what>")
    def add_data(kind: str, target: str, what: str) -> Any:
        with misp.lock:
            if "perm_analyst_data" not in misp.rights:
                abort(403, "You do not have permission to use this functionality.")
            given = request.get_json()
            given = given.get(kind, given)
            name = given.get("uuid") or misp.uuid()
            if name in misp.analyst:
                return _not_saved(kind)
            misp.analyst[name] = given | {
                "uuid": name,
                "kind": kind,
                "object_uuid": target,
                "object_type": what,
                "orgc_uuid": misp.orgs[OWN]["uuid"],
            }
            return jsonify({kind: misp.analyst[name]})

    @app.get("/analyst_data/view/<kind>/<name>")
    def view(kind: str, name: str) -> Any:
        with misp.lock:
            if name not in misp.analyst or kind not in ("all", misp.analyst[name]["kind"]):
                abort(404, "Invalid analyst data.")
            row = misp.analyst[name]
            opinions = [one for one in misp.analyst.values() if one["kind"] == "Opinion" and one["object_uuid"] == name]
            return jsonify({row["kind"]: row | {"Opinion": opinions}})

    @app.post("/analyst_data/delete/<kind>/<name>")
    def delete_data(kind: str, name: str) -> Any:
        with misp.lock:
            if name not in misp.analyst or misp.analyst[name]["orgc_uuid"] != misp.orgs[OWN]["uuid"]:
                abort(404, "Invalid analyst data.")
            del misp.analyst[name]
            return jsonify(saved=True, success=True, message="deleted")


def _not_saved(what: str) -> Any:
    """Answer as MISP does where a row cannot be saved: the reason is not in the message."""
    said, why = f"Could not add {what}", {"uuid": ["The UUID provided is not unique"]}
    return jsonify(saved=False, name=said, message=said, url=request.path, errors=why), 403


def _kept_object(misp: FakeMisp, event: Row, given: Row) -> Row | None:
    """Add an object as it was sent; None where its UUID is taken."""
    taken = {row["uuid"] for row in (*misp.objects.values(), *misp.attributes.values())}
    if given.get("uuid") in taken:
        return None
    kept = {key: value for key, value in given.items() if key not in ("Attribute", "ObjectReference", "timestamp")}
    row = misp.object(event, kept.pop("name"), **kept, ObjectReference=given.get("ObjectReference", []))
    for part in given["Attribute"]:
        part = {"Tag": []} | {key: value for key, value in part.items() if key != "timestamp"}
        for tag in part["Tag"]:
            tag["local"] = bool(tag.get("local"))
        misp.attribute(event, row, **part)
    return row


def _adding(app: Flask, misp: FakeMisp) -> None:
    @app.post("/events/add")
    def add_event() -> Any:
        with misp.lock:
            if "perm_add" not in misp.rights:
                abort(403, "You do not have permission to use this functionality.")
            given = request.get_json()
            given = given.get("Event", given)
            if any(event["uuid"] == given.get("uuid") for event in misp.events.values()):
                abort(404, "Event already exists, if you would like to edit it, use the url in the location header.")
            event = misp.event(**{key: value for key, value in given.items() if key not in ("Object", "Attribute")})
            wrong = {}
            for number, one in enumerate(given.get("Object", [])):
                if misp.faults.half and number == misp.faults.half:
                    misp.faults.half = 0
                    return Response("<html>An Internal Error Has Occurred.</html>", 500)
                if _kept_object(misp, event, one) is None:
                    wrong[str(number)] = {"uuid": ["The UUID provided is not unique"]}
            objects = [_object(misp, row) for row in misp.objects.values() if row["event_id"] == event["id"]]
            misp.saved()
            return jsonify(Event=misp.whole_event(event) | {"Object": objects}, **({"errors": {"Object": wrong}} if wrong else {}))


def _editing(app: Flask, misp: FakeMisp) -> None:
    @app.post("/objects/add/<name>")
    def add_object(name: str) -> Any:
        with misp.lock:
            event = misp.found(misp.events, name, "event")
            misp.changeable(event)
            given = request.get_json()
            given = given.get("Object", given)
            row = _kept_object(misp, event, given)
            if row is None:
                return _not_saved("Object")
            return jsonify(Object=_object(misp, row))

    @app.post("/objects/edit/<name>")
    def edit_object(name: str) -> Any:
        with misp.lock:
            row = misp.found(misp.objects, name, "object")
            event = misp.events[row["event_id"]]
            misp.changeable(event)
            given = request.get_json()
            parts = given.get("Object", given)["Attribute"]
            old = {part["uuid"]: part for part in misp.attributes.values() if part["object_id"] == row["id"] and not part["deleted"]}
            for part in parts:
                known = old.pop(part.get("uuid", ""), None)
                if known is None:
                    misp.attribute(event, row, **{"Tag": [], **part})
                else:
                    known |= {key: part[key] for key in ("value", "to_ids", "comment", "disable_correlation") if key in part}
                    known["timestamp"] = str(int(time.time()))
            for part in old.values():
                misp.delete(part, int(time.time()))
            return jsonify(Object=_object(misp, row))

    @app.post("/objects/delete/<name>")
    def delete_object(name: str) -> Any:
        with misp.lock:
            row = misp.found(misp.objects, name, "object")
            misp.changeable(misp.events[row["event_id"]])
            row["deleted"] = True
            for part in misp.attributes.values():
                if part["object_id"] == row["id"]:
                    misp.delete(part, int(time.time()))
            return jsonify(saved=True, success=True, message="Object deleted")

    @app.post("/attributes/edit/<name>")
    def edit(name: str) -> Any:
        with misp.lock:
            row = misp.found(misp.attributes, name, "attribute")
            misp.changeable(misp.events[row["event_id"]])
            given = request.get_json()
            given = given.get("Attribute", given)
            row |= {
                key: value
                for key, value in given.items()
                if key in ("value", "comment", "disable_correlation", "to_ids", "object_relation")
            }
            row["timestamp"] = str(int(time.time()))
            return jsonify(Attribute=misp.shown(row, False))

    @app.post("/attributes/add/<name>")
    def add_attribute(name: str) -> Any:
        with misp.lock:
            event = misp.found(misp.events, name, "event")
            misp.changeable(event)
            given = request.get_json()
            given = given.get("Attribute", given)
            within = misp.objects.get(str(given.pop("object_id", "0")))
            return jsonify(Attribute=misp.shown(misp.attribute(event, within, **{"Tag": [], **given}), False))

    @app.post("/attributes/delete/<name>")
    def delete_attribute(name: str) -> Any:
        with misp.lock:
            row = misp.found(misp.attributes, name, "attribute")
            misp.changeable(misp.events[row["event_id"]])
            misp.delete(row, int(time.time()))
            return jsonify(message="Attribute deleted.")
