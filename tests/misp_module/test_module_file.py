"""The file that runs inside other people's misp-modules server: it needs nothing, and nothing that happens hurts its host."""

import ast
import importlib.util
import json
import ssl
import stat
import sys
import threading
import time
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner

from matcher.match import Decision
from misp_module import tags
from misp_module.commands import misp
from misp_module.modules import Patience, patience
from misp_module.stock import kuato_module
from misp_module.stock.kuato_module import FILE, MODULES
from tests.misp_module.building import asking
from tests.misp_module.serving import saying, silent

SOURCE = Path(kuato_module.__file__)


def loaded(folder, name="image_correlation", **said):
    """Return the module as a misp-modules server loads it from a folder."""
    (folder / f"{name}.py").write_bytes(SOURCE.read_bytes())
    if said:
        (folder / FILE).write_text(json.dumps(said))
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for name in ("KUATO_URL", "KUATO_TOKEN", "KUATO_CA_FILE"):
        monkeypatch.delenv(name, raising=False)


def http(body, status="200 OK", length=None):
    return f"HTTP/1.0 {status}\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body


def test_it_needs_the_standard_library_alone():
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(ast.parse(SOURCE.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert {name.partition(".")[0] for name in imported} <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("name", MODULES)
def test_under_each_name_it_is_that_module(tmp_path, name):
    module = loaded(tmp_path, name)
    assert json.loads(json.dumps([module.introspection(), module.version()])) == [MODULES[name]["mispattributes"], MODULES[name]["meta"]]
    meta = module.version()
    assert {
        "version",
        "author",
        "description",
        "module-type",
        "name",
        "logo",
        "requirements",
        "features",
        "references",
        "input",
        "output",
    } < meta.keys()
    assert all(isinstance(each, str) for each in meta["config"]) or MODULES[name]["type"] == "action_mod"
    assert module.handler() is False


def test_what_it_hands_out_cannot_be_spoiled(tmp_path):
    module = loaded(tmp_path)
    module.introspection()["input"].clear()
    module.version().clear()
    assert module.introspection()["input"] and module.version()


def test_its_deadlines_are_below_those_of_misp():
    assert kuato_module._HOVER_SECONDS < 5 and kuato_module._SECONDS < 10


@pytest.mark.parametrize(
    ("sample", "hover"),
    [("hover", True), ("attach-enrichment", True), ("button-attribute", False), ("enrich-event", False), ("attributes-enrich", False)],
)
def test_it_knows_how_long_misp_waits(shared, sample, hover):
    request = json.loads((shared / "misp-samples" / f"query-{sample}.json").read_text())
    if "data" in request["attribute"]:
        request["attribute"]["data"] *= 200  # the recorded picture is a tiny one
    body = json.dumps({"module": "image_correlation"} | request if sample != "attach-enrichment" else request).encode()
    assert (patience("image_correlation", body[:4096], len(body)) is Patience.HOVER) is hover
    assert kuato_module._patience(body) == (kuato_module._HOVER_SECONDS if hover else kuato_module._SECONDS)
    assert patience("image_stop", body[:4096], len(body)) is Patience.FAMILY


def test_the_answer_is_passed_on(tmp_path):
    with saying(http(b'{"results": {"Object": []}, "comment": "x"}')) as server:
        assert loaded(tmp_path, url=server.url).handler(q=b"{}") == {"results": {"Object": []}, "comment": "x"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "hung up"),
        (b"\x16\x03\x01\x02\x00", "hung up"),
        (http(b"{}", "401 Unauthorized"), "token"),
        (http(b"{}", "403 Forbidden"), "misp.allow"),
        (http(b"<html>", "502 Bad Gateway"), "502"),
        (http(b"{}", "302 Found"), "302"),
        (http(b"<html>"), "cannot be used"),
        (http(b"[1]"), "not Kuato"),
        (http(b'{"results": {', length=500), "broke off"),
        (http(b"[" * 200_000), "cannot be used"),
        (http(b"{}", length="many"), "cannot be used"),
        (http(b"\xff\xfe"), "cannot be used"),
        (b"HTTP/1.0 200 OK\r\n\r\n" + b" " * (17 << 20), "too long"),
    ],
)
def test_what_is_no_answer_is_an_error(tmp_path, answer, said):
    with saying(answer) as server:
        reply = loaded(tmp_path, url=server.url).handler(q=b"{}")
    assert reply["results"] == {} and said in reply["error"]


def test_a_kuato_that_is_down_is_an_error_at_once(tmp_path, free_port):
    module = loaded(tmp_path, url=f"http://127.0.0.1:{free_port}")
    for _ in range(3):
        started = time.monotonic()
        reply = module.handler(q=json.dumps(asking(b"picture")).encode())
        assert reply["results"] == {} and "cannot be reached" in reply["error"]
        assert time.monotonic() - started < 4.4  # it does not wait for its deadline


def test_one_that_is_silent_is_given_up_and_left_alone_for_a_while(tmp_path):
    with silent() as server:
        module = loaded(tmp_path, url=server.url)
        module._HOVER_SECONDS = 0.5
        assert "did not answer" in module.handler(q=b"{}")["error"]
        module._HOVER_SECONDS = 60.0
        started = time.monotonic()
        assert "ask again in some seconds" in module.handler(q=b"{}")["error"]
        assert time.monotonic() - started < 30


def test_one_that_dribbles_is_given_up(tmp_path):
    import socket

    bound = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def dribble():
        line, _ = bound.accept()
        with line:
            while not done.is_set():
                try:
                    line.sendall(b"H")
                except OSError:
                    return
                time.sleep(0.1)

    thread = threading.Thread(target=dribble)
    thread.start()
    try:
        module = loaded(tmp_path, url=f"http://127.0.0.1:{bound.getsockname()[1]}")
        module._HOVER_SECONDS = 0.8
        assert "did not answer" in module.handler(q=b"{}")["error"]
    finally:
        done.set()
        thread.join(10)
        bound.close()


@pytest.mark.parametrize("url", ["kuato", "ftp://127.0.0.1", "http://", "http://[", "http://a:b", "http://x\r\nHost: y/"])
def test_an_address_that_is_none_is_an_error(tmp_path, url):
    reply = loaded(tmp_path, url=url).handler(q=b"{}")
    assert reply["results"] == {} and reply["error"]


@pytest.mark.parametrize("text", ["{", "[]", '{"url": 5}', "\x00"])
def test_so_is_a_file_that_cannot_be_read(tmp_path, text):
    module = loaded(tmp_path)
    (tmp_path / FILE).write_text(text)
    assert FILE in module.handler(q=b"{}")["error"]


def test_nothing_of_a_request_says_where_kuato_is(tmp_path, free_port):
    request = asking(b"picture") | {"config": {"url": "http://evil.example", "KUATO_URL": "http://evil.example", "token": "t"}}
    with saying(http(b'{"results": {}}')) as server:
        assert loaded(tmp_path, url=server.url).handler(q=json.dumps(request).encode()) == {"results": {}}


def test_the_environment_goes_before_the_file(tmp_path, monkeypatch):
    with saying(http(b'{"results": {}}')) as server:
        monkeypatch.setenv("KUATO_URL", server.url)
        assert loaded(tmp_path, url="http://192.0.2.1").handler(q=b"{}") == {"results": {}}


def test_proxies_of_the_environment_are_not_asked(tmp_path, monkeypatch, free_port):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port}")
    with saying(http(b'{"results": {}}')) as server:
        assert loaded(tmp_path, url=server.url).handler(q=b"{}") == {"results": {}}


def test_a_certificate_is_checked(tmp_path):
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    from tests.matcher.web_server import served

    with served(http(b'{"results": {}}'), tls=context) as server:
        url = f"https://127.0.0.1:{server.port}"
        assert loaded(tmp_path, url=url, ca_file=str(tmp_path / "ca.pem"), token="secret").handler(q=b"") == {"results": {}}
        assert "Authorization: Bearer secret" in server.requests[-1]
        (tmp_path / FILE).unlink()
        assert "certificate is not trusted" in loaded(tmp_path, url=url).handler(q=b"")["error"]


def test_only_a_stop_that_says_so_lets_go_on_in_doubt(tmp_path, free_port):
    module = loaded(tmp_path, "image_stop", url=f"http://127.0.0.1:{free_port}")
    assert "error" in module.handler(q=b'{"params": {"on_failure": "stop"}}')
    assert "error" in module.handler(q=b"nonsense")
    assert module.handler(q=b'{"params": {"on_failure": "continue"}}') == {"data": True, "results": {}}


def run(*arguments, **more):
    return CliRunner().invoke(misp, ["install-module", *map(str, arguments)], **more)


def test_the_command_puts_each_module_into_its_folder(tmp_path):
    assert run(tmp_path / "custom").exit_code == 0
    found = {str(path.relative_to(tmp_path / "custom")) for path in (tmp_path / "custom").rglob("*") if path.is_file()}
    assert found == {f"{about['type']}/{name}.py" for name, about in MODULES.items()}


def test_address_and_token_lie_beside_them_unreadable_for_others(tmp_path):
    ran = run(
        tmp_path, "--module", "image_correlation", "--url", "https://kuato.example/api/v1/misp", "--token-file", "-", input="kuato_abc\n"
    )
    assert ran.exit_code == 0 and "kuato_abc" not in ran.output
    file = tmp_path / "expansion" / FILE
    assert json.loads(file.read_text()) == {"url": "https://kuato.example/api/v1/misp", "token": "kuato_abc"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["expansion"]


def test_a_second_time_brings_the_modules_up_to_date_and_keeps_the_address(tmp_path):
    run(tmp_path, "--url", "http://192.0.2.7:6667")
    (tmp_path / "expansion" / "image_correlation.py").write_text("old")
    (tmp_path / "expansion" / "somebody_else.py").write_text("theirs")
    assert run(tmp_path).exit_code == 0
    assert (tmp_path / "expansion" / "image_correlation.py").read_bytes() == SOURCE.read_bytes()
    assert "192.0.2.7" in (tmp_path / "expansion" / FILE).read_text()
    assert (tmp_path / "expansion" / "somebody_else.py").read_text() == "theirs"


def test_a_wrong_address_is_refused(tmp_path):
    assert run(tmp_path, "--url", "kuato.example").exit_code != 0
    assert not list(tmp_path.iterdir())


def test_the_tags_of_decisions_are_those_of_the_taxonomy():
    known = tags.of_taxonomy(tags.taxonomy())
    for decision in (Decision.YES, Decision.MAYBE):
        for verdict in ("", "impersonation", "benign"):
            assert {name for name in tags.of_match(decision, verdict) if name.startswith(tags.NAMESPACE)} <= known.keys()
