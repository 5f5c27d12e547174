"""Nothing of what not everybody may know comes out, whichever door is knocked at."""

import base64
import hashlib
import io
import itertools
import json
import zipfile

import pytest

from matcher.cluster import founded_by
from matcher.settings import Settings
from matcher.source import Source
from matcher.tokens import Role
from matcher.web.app import create_app as create_api
from misp_module.app import create_app
from misp_module.assembly import served
from tests.matcher.in_process import services_on
from tests.misp_module.building import EVENT, KNOWN, asking, attribute, jpeg, page, png, rows

OURS, THEIRS = "5a5a5a5a-0000-4000-8000-000000000001", "5a5a5a5a-0000-4000-8000-000000000002"
SECRET, SECRET_EVENT = "c0ffee00-1111-4222-8333-444455556666", "c0ffee00-2222-4222-8333-444455556666"
ASKING = "12345678-1234-4234-8234-123456789abc"
URL = "https://very-secret.example/operation-x"
FILE = png(page(1))
SHA256 = hashlib.sha256(FILE).hexdigest()
ALIKE, UNLIKE = jpeg(page(1), 60), jpeg(page(7), 60)
SECRETS = (SECRET, SECRET_EVENT, "very-secret", "operation", SHA256, founded_by(SHA256), THEIRS)
MARKINGS = [None, "tlp:green", "tlp:amber+strict", "tlp:red"]


@pytest.fixture(scope="module")
def services(redis_url, tmp_path_factory):
    settings = Settings.load(
        environ={},
        overrides={
            "redis.url": redis_url,
            "redis.prefix": "misp-leaks:",
            "data.dir": tmp_path_factory.mktemp("data"),
            "workers.count": 1,
            "misp.deadline": 60.0,
            "misp.link_base": "https://misp.example.org",
        },
    )
    with services_on(settings) as services:
        services.matcher.banks.create("operation x", kind="known-bad", tags=["operation:x"])
        services.matcher.add(FILE, sources=[secret(distribution="0")], banks=["operation x"])
        yield services


def secret(**visibility):
    metadata = {"event_uuid": SECRET_EVENT, "event_info": "operation x", "url": URL, "filename": "operation.png"}
    return Source("misp-attribute", SECRET, 1772409600.0, 1772409600.0, metadata, {"org": THEIRS} | visibility)


def marked(services, **visibility):
    """Mark the secret picture anew."""
    [record] = services.matcher.by_source("misp-attribute", SECRET)
    services.matcher.change(record, sources=[secret(**visibility)])


class Doors:
    """Every way in, for whoever asks. Each answers with its text."""

    def __init__(self, services):
        self._misp = create_app(served(services.matcher, services.settings), services.settings).test_client()
        self._api = create_api(services).test_client()
        self._tokens = {
            "our organisation": services.tokens.create("ours", Role.REVIEW, orgs=[OURS])[1],
            "both organisations": services.tokens.create("both", Role.REVIEW, orgs=[OURS, THEIRS])[1],
            "their organisation": services.tokens.create("theirs", Role.REVIEW, orgs=[THEIRS])[1],
        }
        self.users = ["MISP", *self._tokens]

    def ask(self, user, request):
        """Return the answer of a module: of our endpoint, or of the API to the token of an organisation."""
        if user == "MISP":
            return self._misp.post("/query", json=request).data.decode()
        headers = {"Authorization": f"Bearer {self._tokens[user]}", "Content-Type": "application/octet-stream"}
        answer = self._api.post("/api/v1/misp/query", data=json.dumps(request), headers=headers)
        assert answer.status_code == 200
        return answer.data.decode()

    def search(self, user, data):
        headers = {"Authorization": f"Bearer {self._tokens[user]}", "Content-Type": "application/octet-stream"}
        return self._api.post("/api/v1/search", data=data, headers=headers).data.decode()


@pytest.fixture(scope="module")
def doors(services):
    return Doors(services)


def zipped(data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.jpg", data)
    return base64.b64encode(out.getvalue()).decode()


def event(data):
    return {"uuid": EVENT, "Attribute": [attribute(data, uuid=ASKING)], "Object": []}


BY_PICTURE = {
    "button": lambda data: asking(data, uuid=ASKING),
    "bulk": lambda data: asking(data, uuid=ASKING) | {"attribute_uuid": ASKING},
    "workflow's enrichment": lambda data: asking(data, uuid=ASKING) | {"user": {"email": "SYSTEM", "Role": {"perm_site_admin": True}}},
    "object's button": lambda data: {
        "module": "image_correlation",
        "object": {"name": "image", "Attribute": [attribute(data, uuid=ASKING)]},
    },
    "import": lambda data: {"module": "image_import", "data": zipped(data)},
    "stop": lambda data: {"module": "image_stop", "data": {"Event": event(data)}, "params": {"decision": "MAYBE"}},
    "export": lambda data: {"module": "image_export", "data": [{"Event": event(data)}]},
}
BY_NAME = {
    "lookup by URL": {"module": "image_lookup", "attribute": attribute(type="url", value=URL, uuid=ASKING)},
    "lookup by domain": {"module": "image_lookup", "attribute": attribute(type="domain", value="very-secret.example", uuid=ASKING)},
    "lookup by SHA-256": {"module": "image_lookup", "attribute": attribute(type="sha256", value=SHA256, uuid=ASKING)},
    "export by UUID": {"module": "image_export", "data": [{"Event": {"Attribute": [attribute(uuid=SECRET)]}}]},
    "hover": asking(uuid=ASKING),
}


def plain(answer):
    """Return an answer in which what is in base64 can be read, and what the question brought along is left out."""
    found = json.loads(answer)
    if isinstance(found.get("data"), str):
        return base64.b64decode(found["data"]).decode()
    for each in found["results"].get("Object", []) if isinstance(found.get("results"), dict) else []:
        for row in each["Attribute"]:
            row.pop("data", None)
    return json.dumps(found)


def leaked(text, brought=""):
    return [each for each in SECRETS if each in text.lower() and each not in brought.lower()]


def may_be_told(distribution, group, tlp):
    return distribution in ("1", "2", "3") and group is None and tlp not in ("tlp:amber+strict", "tlp:red")


@pytest.mark.parametrize("tlp", MARKINGS)
def test_the_matrix(services, doors, tlp):
    """Distributions, sharing groups and TLP, and every user at the doors that cost little; what may be told is told."""
    for distribution, group in [*zip("012345", [None] * 6, strict=True), ("3", "7"), ("4", "7")]:
        visibility = {"distribution": distribution}
        visibility |= {"sharing_group": group} if group else {}
        visibility |= {"tlp": [tlp]} if tlp else {}
        marked(services, **visibility)
        told = may_be_told(distribution, group, tlp)
        what = f"distribution {distribution}, sharing group {group}, {tlp}"
        answer = plain(doors.ask("MISP", BY_PICTURE["button"](ALIKE)))
        assert bool(leaked(answer)) is told, what
        assert ('"decision"' in answer) is told, what
        users = doors.users if tlp == "tlp:red" else ["MISP", "our organisation"]
        for user, (name, request) in itertools.product(users, BY_NAME.items()):
            found = leaked(plain(doors.ask(user, request)), json.dumps(request))
            # What may be told to the community may all the same not be another organisation's to know in the API.
            assert not found or (told and user != "our organisation"), f"{what}: {name} tells {user} {found}"
    marked(services, distribution="1", sharing_group="0", tlp=["tlp:green"])


@pytest.mark.parametrize(
    "visibility", [{"distribution": "3", "tlp": ["tlp:red"]}, {"distribution": "0"}], ids=["tlp:red", "one organisation"]
)
@pytest.mark.parametrize("door", BY_PICTURE)
def test_a_secret_picture_is_as_one_that_is_not_there(services, doors, door, visibility):
    marked(services, **visibility)
    request = BY_PICTURE[door]
    for user in ("MISP", "our organisation"):
        for data in (ALIKE, FILE):
            answer, other = (plain(doors.ask(user, request(each))) for each in (data, UNLIKE))
            assert not leaked(answer), user
            assert shape(answer) == shape(other), user


def shape(answer):
    """Return what an answer says, without UUIDs that are new each time."""
    found = json.loads(answer)
    if "pictures" in found:
        return found
    results = found.get("results") or {}
    said = [
        [(row.get("object_relation"), row["value"]) for row in each.get("Attribute", [each])]
        for kind in ("Object", "Attribute")
        for each in results.get(kind, [])
    ]
    return said, found.get("error"), found.get("comment"), found.get("data")


def test_the_api_s_own_search_tells_an_organisation_nothing_of_another_s(services, doors):
    marked(services, distribution="3", tlp=["tlp:red"])
    assert not leaked(doors.search("our organisation", ALIKE))
    # The answer names the file that was asked about.
    assert leaked(doors.search("our organisation", FILE), brought=SHA256) == []
    assert SECRET in doors.search("their organisation", ALIKE)


def test_the_id_of_a_cluster_does_not_tell_of_the_secret_picture_that_founded_it(services, doors):
    marked(services, distribution="0")
    matcher = services.matcher
    known = matcher.add(jpeg(page(1), 90), sources=[Source("misp-attribute", KNOWN, 1.0, 1.0, {}, {"distribution": "1"})]).record
    try:
        assert known.cluster == founded_by(SHA256)
        answer = json.loads(doors.ask("MISP", BY_PICTURE["button"](ALIKE)))
        found = rows(answer["results"]["Object"][0])
        assert found["image-cluster"] == f"imgcluster:{founded_by(known.sha256)}" and len(answer["results"]["Object"]) == 1
        assert not leaked(json.dumps(answer))
        for name in BY_PICTURE:
            assert not leaked(plain(doors.ask("MISP", BY_PICTURE[name](ALIKE))))
    finally:
        matcher.remove(known.sha256)


def test_a_count_is_told_where_the_operator_wants_it(services):
    marked(services, distribution="0")
    counting = Settings.load(environ={}, overrides={**dict(services.settings), "misp.count_hidden": True})
    answer = served(services.matcher, counting).reply(json.dumps(BY_PICTURE["button"](ALIKE)).encode())
    assert answer == {"results": {}, "error": "shot.png matches 1 known picture that may not be told of here."}


def test_a_server_of_one_organisation_can_tell_of_its_own(services):
    marked(services, distribution="0")
    own = Settings.load(environ={}, overrides={**dict(services.settings), "misp.max_disclosure": "organisation"})
    answer = served(services.matcher, own).reply(json.dumps(BY_PICTURE["button"](ALIKE)).encode())
    assert rows(answer["results"]["Object"][0])["known-image"] == SECRET
    marked(services, distribution="0", tlp=["tlp:red"])
    answer = served(services.matcher, own).reply(json.dumps(BY_PICTURE["button"](ALIKE)).encode())
    assert answer["results"] == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"Tag": [{"name": 'misp:expansion="block"'}]},
        {"AttributeTag": [{"Tag": {"name": 'misp:expansion="block"'}}]},
        {"_allTags": [{"name": 'misp:expansion="block"', "inherited": True}]},
    ],
)
def test_what_is_not_to_be_enriched_is_not(services, doors, changes):
    marked(services, distribution="1")
    reply = json.loads(doors.ask("MISP", asking(ALIKE, **changes)))
    assert reply["results"] == {} and "misp:expansion" in reply["comment"]
    whole = {"name": "image", "Attribute": [attribute(ALIKE)], **changes}
    if "Tag" in changes:
        reply = json.loads(doors.ask("MISP", {"module": "image_correlation", "object": whole}))
        assert "Object" not in reply["results"]
    lookup = {"module": "image_lookup", "attribute": attribute(type="sha256", value=SHA256, **changes)}
    assert json.loads(doors.ask("MISP", lookup))["results"] == {}
