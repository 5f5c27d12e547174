import hashlib
import json
import os
import resource
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import trustme
import urllib3

from matcher.errors import BadSettings
from matcher.web.app import create_app
from matcher.web.http import HttpServer
from matcher.web.tls import server_context
from tests.matcher.in_process import serving

LARGE = 30 << 20


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with cert.pem and key.pem of a server on loopback, and ca.pem."""
    folder = tmp_path_factory.mktemp("tls")
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return folder


@pytest.fixture
def context(files: Path) -> ssl.SSLContext:
    return server_context(files / "cert.pem", files / "key.pem", None)


@pytest.fixture
def trusting(files: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=files / "ca.pem")


def wsgi(environ, start_response):
    """Answers with what it was sent: its digest, or with as many bytes as were asked for, in pieces or until it breaks."""
    if environ["REQUEST_METHOD"] == "POST":
        body = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{len(body)} {hashlib.sha256(body).hexdigest()}".encode()]
    if environ["PATH_INFO"] == "/large":
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        return (os.urandom(1).ljust(1 << 16, b"x") for _ in range(LARGE >> 16))
    if environ["PATH_INFO"] == "/broken":
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        return broken()
    start_response("200 OK", [("Content-Type", "application/json")])
    told = {name: environ[name] for name in ("REMOTE_ADDR", "REMOTE_PORT", "SERVER_PORT", "wsgi.url_scheme")}
    return [json.dumps(told).encode()]


def broken():
    yield b"x" * 100_000
    raise RuntimeError("in the middle")


@contextmanager
def connected(server: HttpServer, trusting: ssl.SSLContext | None, address: str = "127.0.0.1") -> Iterator[socket.socket]:
    """A connection, with TLS or before its handshake."""
    port = int(server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), 20, (address, 0)) as line:
        if trusting is None:
            yield line
            return
        with trusting.wrap_socket(line, server_hostname="localhost") as speaking:
            yield speaking


def ask(line: socket.socket, path: str = "/") -> dict:
    line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    answer = b"".join(iter(lambda: line.recv(1 << 16), b""))
    return json.loads(answer.partition(b"\r\n\r\n")[2])


@pytest.fixture
def pool(trusting: ssl.SSLContext) -> Iterator[Callable[..., urllib3.BaseHTTPResponse]]:
    """Ask with what most clients in Python use."""
    with urllib3.PoolManager(ssl_context=trusting, retries=False, timeout=30) as manager:
        yield manager.request


def test_the_application_is_told_who_asks_and_how(context, trusting):
    with serving(wsgi, context=context) as server, connected(server, trusting, "127.0.0.7") as line:
        port = line.getsockname()[1]
        told = ask(line)
        assert told["wsgi.url_scheme"] == "https"
        assert (told["REMOTE_ADDR"], told["REMOTE_PORT"]) == ("127.0.0.7", str(port))
        assert server.url == f"https://127.0.0.1:{told['SERVER_PORT']}"


def test_the_audit_names_the_client(context, trusting, services, token, audited, sample):
    secret = token("search")
    with serving(create_app(services), context=context) as server, connected(server, trusting, "127.0.0.9") as line:
        picture = sample("baseline/tinlark-login.png").read_bytes()
        head = f"POST /api/v1/search HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\nContent-Type: image/png\r\n"
        line.sendall(f"{head}Content-Length: {len(picture)}\r\nConnection: close\r\n\r\n".encode() + picture)
        assert line.recv(15) == b"HTTP/1.1 200 OK"
    assert [(note["action"], note["address"]) for note in audited()] == [("search", "127.0.0.9")]


def test_handshakes_that_never_end_hold_up_nobody(context, trusting):
    with serving(wsgi, context=context) as server, ExitStack() as stalled:
        for _ in range(30):
            stalled.enter_context(connected(server, None))
        half = stalled.enter_context(connected(server, None))
        half.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # the beginning of a client's greeting
        with connected(server, trusting) as line:
            assert ask(line)["REMOTE_ADDR"] == "127.0.0.1"


def test_idle_connections_starve_nobody(context, trusting):
    with serving(wsgi, context=context, threads=2, connections=400) as server, ExitStack() as idle:
        for _ in range(300):
            idle.enter_context(connected(server, trusting))
        with connected(server, trusting) as line:
            assert ask(line)["REMOTE_ADDR"] == "127.0.0.1"


def test_a_connection_too_many_waits_for_its_turn(context, trusting):
    with serving(wsgi, context=context, connections=10) as server, ExitStack() as others:
        for _ in range(10):
            others.enter_context(connected(server, trusting))
        with connected(server, None) as line:
            line.settimeout(0.3)
            with pytest.raises(TimeoutError):
                trusting.wrap_socket(line.dup(), server_hostname="localhost")
        others.close()
        with connected(server, trusting) as line:
            assert ask(line)["REMOTE_ADDR"] == "127.0.0.1"


def test_as_many_files_may_be_open_as_the_connections_need(context):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        with serving(wsgi, context=context, connections=400):
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 3 * 400
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_certificate_of_the_client_can_be_asked_for(files, authority, trusting):
    asking = server_context(files / "cert.pem", files / "key.pem", files / "ca.pem")
    with serving(wsgi, context=asking) as server:
        with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"), connected(server, trusting) as line:
            line.recv(1)
        authority.issue_cert("analyst@kuato.example").configure_cert(trusting)
        with connected(server, trusting) as line:
            assert ask(line)["wsgi.url_scheme"] == "https"


def test_nothing_listens_but_the_port_that_was_asked_for(context):
    before = listening()
    with serving(wsgi, context=context) as server:
        assert {port for _, port in listening() - before} == {int(server.url.rpartition(":")[2])}


def listening() -> set[tuple[str, int]]:
    """Inode and port of what this process listens on over TCP."""
    own = {str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()}
    found = set()
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]:
            fields = row.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in own:
                found.add((fields[9], int(fields[1].rpartition(":")[2], 16)))
    return found


def test_whoever_does_not_speak_tls_gets_nothing(context, trusting):
    with serving(wsgi, context=context) as server:
        with connected(server, None) as line:
            line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b"".join(iter(lambda: line.recv(4096), b""))
            assert b"HTTP" not in answer
        with connected(server, trusting) as line:
            assert ask(line)["wsgi.url_scheme"] == "https"


def test_large_bodies_pass_intact_in_both_directions(context, pool):
    body = os.urandom(LARGE)
    with serving(wsgi, context=context) as server:
        told = pool("POST", server.url, body=body).data.decode()
        assert told == f"{LARGE} {hashlib.sha256(body).hexdigest()}"
        answer = pool("GET", f"{server.url}/large")
        assert len(answer.data) == LARGE


def test_an_answer_that_breaks_off_is_seen_to(context, pool):
    with serving(wsgi, context=context) as server:
        with pytest.raises(urllib3.exceptions.ProtocolError, match="IncompleteRead|InvalidChunkLength"):
            pool("GET", f"{server.url}/broken")
        assert pool("GET", server.url).status == 200


@pytest.mark.parametrize("https", [False, True])
def test_a_body_that_is_refused_in_the_middle_leaves_an_answer(context, pool, https):
    with serving(wsgi, context=context if https else None, max_body=1 << 20) as server:
        answer = pool("POST", server.url, body=bytes(LARGE))
        assert (answer.status, answer.json()["code"]) == (413, "request-too-large")
        assert pool("GET", server.url).status == 200


@pytest.mark.parametrize("https", [False, True])
def test_a_client_that_leaves_takes_nobody_along(context, trusting, https):
    speaking = trusting if https else None
    with serving(wsgi, context=context if https else None) as server:
        for _ in range(20):
            with connected(server, speaking) as line:
                line.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
                line.recv(1)
        with connected(server, speaking) as line:
            assert ask(line)["REMOTE_ADDR"] == "127.0.0.1"


class Endless:
    """An answer without an end. given_up: set once nobody will read it."""

    def __init__(self) -> None:
        self.given_up = threading.Event()

    def __call__(self, environ, start_response):
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        return self

    def __iter__(self):
        return self

    def __next__(self) -> bytes:
        return bytes(1 << 20)

    def close(self) -> None:
        self.given_up.set()


@pytest.mark.slow
@pytest.mark.parametrize("https", [False, True])
def test_whoever_does_not_read_the_answer_is_not_waited_for(context, trusting, https):
    app = Endless()
    with serving(app, context=context if https else None, idle=1) as server, connected(server, trusting if https else None) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert app.given_up.wait(30)


def test_many_ask_at_once(context, trusting, files):
    problems = []

    def work() -> None:
        with urllib3.PoolManager(ssl_context=ssl.create_default_context(cafile=files / "ca.pem"), retries=False) as manager:
            for size in (0, 1, 70_000, 300_000):
                told = manager.request("POST", server.url, body=bytes(size)).data.decode()
                if told != f"{size} {hashlib.sha256(bytes(size)).hexdigest()}":
                    problems.append(told)

    with serving(wsgi, context=context) as server:
        threads = [threading.Thread(target=work) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert problems == []


def test_stopping_closes_the_connections(context, trusting):
    with ExitStack() as idle:
        with serving(wsgi, context=context) as server:
            lines = [idle.enter_context(connected(server, trusting)) for _ in range(5)]
        for line in lines:
            with suppress(OSError):
                assert line.recv(1) == b""
        with pytest.raises(OSError), connected(server, None):
            pass


@pytest.mark.parametrize("missing", ["cert.pem", "key.pem"])
def test_a_file_that_cannot_be_used_is_named(files, missing, tmp_path):
    found = {name: (tmp_path if name == missing else files) / name for name in ("cert.pem", "key.pem")}
    with pytest.raises(BadSettings, match=missing):
        server_context(found["cert.pem"], found["key.pem"], None)


def test_authorities_that_cannot_be_used_are_named(files, tmp_path):
    (tmp_path / "ca.pem").write_text("none")
    with pytest.raises(BadSettings, match=r"web\.client_ca"):
        server_context(files / "cert.pem", files / "key.pem", tmp_path / "ca.pem")


def test_a_key_with_a_password_is_not_asked_for(files, tmp_path):
    from cryptography.hazmat.primitives import serialization as form

    key = form.load_pem_private_key((files / "key.pem").read_bytes(), None)
    locked = form.BestAvailableEncryption(b"secret")
    (tmp_path / "key.pem").write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, locked))
    with pytest.raises(BadSettings, match="encrypted"):
        server_context(files / "cert.pem", tmp_path / "key.pem", None)
