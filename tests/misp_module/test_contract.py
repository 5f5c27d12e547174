"""One behaviour, whichever way MISP comes: a stock server with the module file, our endpoint, it in front of a stock server."""

import base64
import hashlib
import io
import json
import zipfile

import pytest
from click.testing import CliRunner

from matcher.engine import Matcher
from matcher.settings import Settings
from matcher.source import Source
from misp_module.commands import misp
from misp_module.stock.kuato_module import MODULES
from tests.misp_module.building import EVENT, KNOWN, SECOND_OF_MARCH, asking, attribute, jpeg, page, png, rows, seen_in_misp
from tests.misp_module.serving import free_port, listening, stock

OTHER, HOVERED = "0badcafe-1111-4222-8333-444455556666", "0badbeef-1111-4222-8333-444455556666"
WAYS = ["stock server with the module file", "our endpoint", "in front of a stock server", "in front of a stock server that is down"]


@pytest.fixture(scope="module")
def configured(redis_url, tmp_path_factory):
    return {
        "redis.url": redis_url,
        "redis.prefix": "misp-contract:",
        "data.dir": tmp_path_factory.mktemp("data"),
        "workers.count": 1,
        "misp.listen": "127.0.0.1:0",
        "misp.link_base": "https://misp.example.org",
        "misp.deadline": 30.0,  # the machine may be busy with other tests
    }


def settings(configured, **changes):
    return Settings.load(environ={}, overrides=configured | {name.replace("__", "."): value for name, value in changes.items()})


@pytest.fixture(scope="module")
def matcher(configured):
    with Matcher.open(settings(configured)) as matcher:
        matcher.banks.create("kit X", kind="known-bad")
        matcher.banks.create("Ovalquay", kind="baseline", domains=["ovalquay.example"])
        matcher.add(png(page(1)), sources=[seen_in_misp(KNOWN, distribution=3, tlp="tlp:green")], banks=["kit X"])
        matcher.add(png(page(2)), sources=[seen_in_misp(OTHER, distribution="1")])
        matcher.add(png(page(40).rotate(180)), sources=[Source("url", "https://ovalquay.example/", SECOND_OF_MARCH)], banks=["Ovalquay"])
        matcher.add(jpeg(page(1), 71), sources=[seen_in_misp(HOVERED, distribution=1)])
        yield matcher


@pytest.fixture(scope="module", params=WAYS)
def server(request, matcher, configured, tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    if request.param == WAYS[0]:
        with listening(matcher, settings(configured)) as ours:
            done = CliRunner().invoke(misp, ["install-module", str(folder / "custom"), "--url", ours.url])
            assert done.exit_code == 0, done.output
            # A proxy of the environment would lead nowhere.
            with stock(folder, folder / "custom", http_proxy="http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9") as found:
                yield found
    elif request.param == WAYS[1]:
        with listening(matcher, settings(configured)) as found:
            yield found
    elif request.param == WAYS[2]:
        with stock(folder) as other, listening(matcher, settings(configured, misp__upstream=other.url)) as found:
            yield found
    else:
        away = f"http://127.0.0.1:{free_port()}"
        with listening(matcher, settings(configured, misp__upstream=away)) as found:
            yield found


@pytest.fixture
def ask(server):
    def ask(request):
        status, reply = server.query(request)
        assert status == 200 and isinstance(reply, dict)
        assert "results" in reply
        return reply

    return ask


def objects(reply):
    return reply["results"].get("Object", [])


def test_every_module_is_listed_with_the_same_entry(server):
    found = server.modules()
    for name, about in MODULES.items():
        assert found[name] == {"name": name, "type": about["type"], "mispattributes": about["mispattributes"], "meta": about["meta"]}


def test_a_known_picture(ask):
    # 85 % and not 71: the file that is known from this very attribute is another one.
    [first, *_] = objects(ask(asking(jpeg(page(1), 85), uuid=EVENT)))
    found = rows(first)
    assert (found["decision"], found["relation"], found["known-image"]) == ("YES", "same picture", KNOWN)
    assert found["explanation"].startswith(f"YES: same picture as attribute {KNOWN}, seen 2026-03-02, bank kit X (")
    assert found["link"] == f"https://misp.example.org/attributes/view/{KNOWN}"
    assert first["ObjectReference"][0]["referenced_uuid"] == EVENT


def test_an_exact_copy(ask):
    found = rows(objects(ask(asking(png(page(1)), uuid=EVENT)))[0])
    assert (found["relation"], found["method"], found["distance"]) == ("exact copy", "SHA-256", "0.00")


def test_no_match(ask):
    assert ask(asking(png(page(7)))) == {"results": {}, "comment": "No known picture is like shot.png."}


def test_hover_without_bytes(ask):
    request = asking(uuid=HOVERED)
    del request["event_id"]
    found = rows(objects(ask(request))[0])
    assert (found["decision"], found["known-image"]) == ("YES", KNOWN)
    unknown = asking(uuid="12345678-1234-4234-8234-123456789abc")
    assert ask(unknown)["results"] == {}


def test_a_malware_sample(ask):
    found = rows(objects(ask(asking(sealed(png(page(1))), type="malware-sample", value=f"evil.png|{'0' * 32}", uuid=EVENT)))[0])
    assert (found["relation"], found["known-image"]) == ("exact copy", KNOWN)


def test_an_object_s_button(ask):
    whole = {"name": "image", "template_uuid": "ca78ec03-3321-4ed3-9840-9bfd52b91d82", "uuid": EVENT}
    parts = [
        attribute(type="url", value="https://evil.example/login", uuid="11111111-1111-4111-8111-111111111111"),
        attribute(jpeg(page(40).rotate(180), 85), uuid="22222222-2222-4222-8222-222222222222"),
    ]
    reply = ask({"module": "image_correlation", "object": whole | {"Attribute": parts}, "event_id": "1", "config": {}})
    found = rows(objects(reply)[0])
    assert (found["verdict"], found["brand"]) == ("impersonation", "Ovalquay")
    assert "impersonation: Ovalquay on evil.example" in found["explanation"]
    parts[0]["value"] = "https://login.ovalquay.example/"
    parts[1]["uuid"] = "33333333-3333-4333-8333-333333333333"
    reply = ask({"module": "image_correlation", "object": whole | {"Attribute": parts}, "event_id": "1", "config": {}})
    assert rows(objects(reply)[0])["verdict"] == "benign"


def test_an_object_s_button_without_a_match_says_so_in_an_attribute(ask):
    """MISP fails where an object's button gets neither an object nor an attribute."""
    whole = {"name": "image", "Attribute": [attribute(png(page(7)))]}
    [remark] = ask({"module": "image_correlation", "object": whole, "event_id": "1"})["results"]["Attribute"]
    assert (remark["type"], remark["value"], remark["to_ids"]) == ("comment", "No known picture is like shot.png.", False)


def test_two_files_of_one_name_are_told_apart(ask):
    one = rows(objects(ask(asking(jpeg(page(1), 85), uuid=EVENT)))[0])
    other = rows(objects(ask(asking(jpeg(page(2), 85), uuid="12345678-1234-4234-8234-123456789abc")))[0])
    assert (one["known-image"], other["known-image"]) == (KNOWN, OTHER)


def test_a_second_enrichment_gives_the_same_values_under_new_uuids(ask):
    one, other = (ask(asking(jpeg(page(1), 85), uuid=EVENT)) for _ in range(2))
    assert [rows(each) for each in objects(one)] == [rows(each) for each in objects(other)]
    assert not uuids(one) & uuids(other)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({"module": "image_correlation"}, id="no attribute"),
        pytest.param(asking(b"%PDF-1.7"), id="a PDF"),
        pytest.param(asking(b"\x89PNG\r\n\x1a\nbroken"), id="a broken PNG"),
        pytest.param(asking(b"PK", type="malware-sample"), id="a sample that is no zip"),
        pytest.param(asking(b"x", uuid="5"), id="a uuid that is none"),
        pytest.param(asking(type="ip-src"), id="another type"),
    ],
)
def test_an_error_is_told_in_words(ask, request_):
    reply = ask(request_)
    assert reply["results"] == {} and len(reply["error"]) > 10 and "Traceback" not in reply["error"]


def test_pictures_are_looked_up_by_where_they_were_seen(ask):
    for kind, value in (("url", "https://ovalquay.example/"), ("domain", "ovalquay.example"), ("hostname", "OVALQUAY.example.")):
        [found] = objects(ask({"module": "image_lookup", "attribute": attribute(type=kind, value=value), "event_id": "4"}))
        assert rows(found)["note"] == "Seen at https://ovalquay.example/, 2026-03-02, bank Ovalquay"
        assert found["name"] == "image-fingerprint" and len(rows(found)["pdq"]) == 64
    assert ask({"module": "image_lookup", "attribute": attribute(type="domain", value="quay.example")}) == {
        "results": {},
        "comment": "No known picture was seen at quay.example.",
    }


def test_a_picture_is_looked_up_by_its_sha256(ask):
    sha256 = hashlib.sha256(png(page(1))).hexdigest()
    found = objects(ask({"module": "image_lookup", "attribute": attribute(type="sha256", value=sha256.upper(), uuid=EVENT)}))
    assert [(rows(one)["relation"], rows(one)["known-image"]) for one in found] == [("exact copy", KNOWN), ("same picture", HOVERED)]


def workflow(*attributes, **params):
    event = {"uuid": EVENT, "id": "4", "distribution": "1", "Attribute": list(attributes), "Object": []}
    return {"data": {"Event": event}, "params": params, "filteredItems": [], "matchingData": {}}


def test_a_workflow_is_stopped_by_a_known_picture_of_a_bank(ask):
    attributes = attribute(b"%PDF", value="report.pdf"), attribute(jpeg(page(1), 85), uuid=EVENT)
    stopped = ask({"module": "image_stop"} | workflow(*attributes, bank="kit X", decision="YES", on_failure="stop"))
    assert stopped["error"] == "shot.png: YES, same picture as a known one; the workflow stops here."
    assert ask({"module": "image_stop"} | workflow(*attributes, bank="Ovalquay"))["data"] is True
    assert ask({"module": "image_stop"} | workflow(attribute(png(page(7))), bank="kit X"))["data"] is True
    assert "There is no bank kit Y" in ask({"module": "image_stop"} | workflow(bank="kit Y"))["error"]


@pytest.mark.parametrize("name", ["image_tag", "image_sighting", "image_register"])
def test_what_changes_something_is_off(ask, name):
    assert "misp.actions" in ask({"module": name} | workflow(attribute(jpeg(page(1), 85), uuid=EVENT)))["error"]


def test_a_real_workflow_s_event_is_read(ask, shared):
    request = json.loads((shared / "misp-samples" / "query-action.json").read_text()) | {"module": "image_stop", "params": {}}
    reply = ask(request)
    assert reply.get("data") is True or "the workflow stops here" in reply["error"]


def test_pictures_are_imported(ask):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("shots/one.jpg", jpeg(page(1), 85))
        archive.writestr("notes.txt", "no picture")
        archive.writestr("broken.png", b"\x89PNG\r\n\x1a\nbroken")
    reply = ask({"module": "image_import", "data": base64.b64encode(file.getvalue()).decode(), "config": {}})
    image, similar, *_ = objects(reply)
    assert (image["name"], rows(image)["filename"], similar["name"]) == ("image", "one.jpg", "image-similarity")
    attachment = next(row for row in image["Attribute"] if row["object_relation"] == "attachment")
    assert base64.b64decode(attachment["data"]) == jpeg(page(1), 85)
    assert similar["ObjectReference"][0]["referenced_uuid"] == attachment["uuid"]
    assert rows(similar)["known-image"] == KNOWN and "broken.png" in reply["error"]
    assert objects(ask({"module": "image_import", "data": base64.b64encode(png(page(7))).decode()}))[0]["name"] == "image"
    assert "neither a picture nor a zip" in ask({"module": "image_import", "data": base64.b64encode(b"hello").decode()})["error"]


def test_the_pictures_of_events_are_exported(ask):
    event = {"uuid": EVENT, "Attribute": [attribute(png(page(1)), uuid=KNOWN), attribute(png(page(7)), uuid=EVENT)]}
    reply = ask({"module": "image_export", "event_id": "4", "data": [{"Event": event}]})
    one, other = json.loads(base64.b64decode(reply["data"]))["pictures"]
    assert (one["known"], one["banks"], one["also"]) == (True, ["kit X"], [HOVERED])
    assert one["cluster"].startswith("imgcluster:") and len(one["fingerprints"]["pdq"]) == 64
    assert other == {"event": EVENT, "attribute": EVENT, "name": "shot.png", "known": False}


@pytest.mark.parametrize("name", ["button-attribute", "enrich-event", "attributes-enrich", "attach-enrichment", "hover", "button-object"])
def test_what_a_real_misp_sent_is_answered(ask, matcher, shared, name):
    request = json.loads((shared / "misp-samples" / f"query-{name}.json").read_text()) | {"module": "image_correlation"}
    button = json.loads((shared / "misp-samples" / "query-button-attribute.json").read_text())
    data = base64.b64decode(button["attribute"]["data"])
    matcher.add(data, sources=[seen_in_misp(OTHER, distribution=3), seen_in_misp(button["attribute"]["uuid"])])
    reply = ask(request)
    if name == "button-object":
        assert all(row["type"] == "comment" for row in reply["results"].get("Attribute", [])) and "Object" not in reply["results"]
        return
    found = rows(objects(reply)[0])
    assert (found["decision"], found["relation"], found["known-image"]) == ("YES", "exact copy", OTHER)


def uuids(reply):
    return {part["uuid"] for each in objects(reply) for part in (each, *each["Attribute"])}


def sealed(data):
    """A malware-sample as MISP stores it: ZipCrypto with the password `infected`."""
    return encrypted({"0" * 32: data, f"{'0' * 32}.filename.txt": b"evil.png"})


def encrypted(files):
    """Write a zip with the traditional encryption, which Python reads and does not write."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return lock(out.getvalue(), b"infected")


def lock(plain, password):
    """Encrypt each entry of a zip archive, by PKWARE's APPNOTE 6.1."""
    import struct

    table = [0] * 256
    for i in range(256):
        crc = i
        for _ in range(8):
            crc = (crc >> 1) ^ (0xEDB88320 if crc & 1 else 0)
        table[i] = crc

    def encrypt(data):
        keys = [0x12345678, 0x23456789, 0x34567890]

        def update(byte):
            keys[0] = (keys[0] >> 8) ^ table[(keys[0] ^ byte) & 0xFF]
            keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
            keys[2] = (keys[2] >> 8) ^ table[(keys[2] ^ (keys[1] >> 24)) & 0xFF]

        for byte in password:
            update(byte)
        found = bytearray()
        for byte in data:
            temp = (keys[2] | 2) & 0xFFFF
            found.append(byte ^ ((temp * (temp ^ 1)) >> 8) & 0xFF)
            update(byte)
        return bytes(found)

    source, out, entries = zipfile.ZipFile(io.BytesIO(plain)), io.BytesIO(), []
    for info in source.infolist():
        start = info.header_offset
        name_length, extra_length = struct.unpack("<HH", plain[start + 26 : start + 30])
        begin = start + 30 + name_length + extra_length
        packed = plain[begin : begin + info.compress_size]
        secret = encrypt(b"\0" * 11 + bytes([info.CRC >> 24]) + packed)
        name = info.filename.encode()
        head = struct.pack("<HHHHHIIIHH", 20, 1, info.compress_type, 0, 33, info.CRC, len(secret), info.file_size, len(name), 0)
        entries.append((out.tell(), head, name))
        out.write(b"PK\x03\x04" + head + name + secret)
    begin = out.tell()
    for offset, head, name in entries:
        out.write(b"PK\x01\x02" + struct.pack("<H", 20) + head + struct.pack("<HHHII", 0, 0, 0, 0, offset) + name)
    size = out.tell() - begin
    out.write(b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), size, begin, 0))
    return out.getvalue()
