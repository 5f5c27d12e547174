"""Fetching by URL: what is public and allowed is fetched, nothing else is ever connected to."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from matcher.errors import BadSettings, FetchFailed, FetchRefused, KuatoError, Late, TooLarge
from matcher.fetch import Fetched, Fetcher, connect
from matcher.settings import Settings
from tests.matcher.web_server import PUBLIC, Ways, WebServer, answer, served

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
NAMES = {
    "private.example": ["192.168.1.1"],
    "loopback.example": ["127.0.0.1"],
    "v6.example": ["::1"],
    "mixed.example": [PUBLIC, "10.0.0.1"],
    "mixed6.example": [PUBLIC, "2606:4700::1111", "fe80::1"],
    "zone.example": ["fe80::1%eth0"],
    "metadata.example": ["169.254.169.254"],
    "unspecified.example": ["0.0.0.0"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::a9fe:a9fe"],
    "odd.example": ["127.1"],
    "octal.example": ["0177.0.0.1"],
    "words.example": ["localhost"],
}


def fetcher(ways: Ways, *allow: str, **overrides: Any) -> Fetcher:
    values = {"fetch.allow": allow or ("*",)} | {name.replace("__", "."): value for name, value in overrides.items()}
    return Fetcher(Settings.load(environ={}, overrides=values), ways.resolve, ways.connect)


def fetched(server: WebServer, url: str, *allow: str, **overrides: Any) -> Fetched:
    return fetcher(Ways(server=server), *allow, **overrides).fetch(url)


ATTEMPTS = [
    # Addresses that are not public.
    "http://127.0.0.1/",
    "http://127.0.0.1:6379/",
    "http://127.8.8.8/",
    "http://0.0.0.0/",
    "http://0.1.2.3/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.0.1/",
    "http://100.64.0.1/",
    "http://100.100.100.200/latest/meta-data/",
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.170.2/v2/credentials",
    "http://168.63.129.16/metadata",
    "http://192.0.0.192/latest/",
    "http://192.0.2.1/",
    "http://192.88.99.1/",
    "http://198.18.0.1/",
    "http://198.51.100.7/",
    "http://203.0.113.7/",
    "http://224.0.0.1/",
    "http://239.255.255.250:80/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    # The same in IPv6, and IPv4 inside of it.
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:8.8.8.8]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:0a00:0001::1]/",
    "http://[2001:0:53aa:64c:0:0:80ff:fffe]/",
    "http://[2606:4700::5efe:10.0.0.1]/",
    "http://[2606:4700::200:5efe:10.0.0.1]/",
    "http://[2001:db8::1]/",
    "http://[3fff::1]/",
    "http://[5f00::1]/",
    "http://[100::1]/",
    "http://[fc00::1]/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[2606:4700::1111%25lo]/",
    "http://[v1.fe80::1]/",
    # Other ways to write an address.
    "http://2130706433/",
    "http://017700000001/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://0/",
    "http://127.0.0.1./",
    "http://127.0.0.1../",
    "http://127.0.0.1.0x/",
    "http://1.2.3.4.5/",
    "http://256.1.1.1/",
    "http://08.8.8.8/",
    "http://134744072/",  # 8.8.8.8, but not plainly
    "http://%31%32%37.0.0.1/",
    "http://127%2e0%2e0%2e1/",
    "http://①②⑦.0.0.1/",
    "http://127。0。0。1/",
    "http://１２７.0.0.1/",
    "http://١٢٧.0.0.1/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    # Names.
    "http://localhost/",
    "http://LOCALHOST./",
    "http://a.localhost/",
    "http://printer.local/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://router.home.arpa/",
    "http://intranet/",
    "http://something.onion/",
    *(f"http://{name}/" for name in NAMES),
    # What a reader of URLs may stumble over.
    "http://images.example@127.0.0.1/",
    "http://images.example:80@127.0.0.1/",
    "http://images.example%40127.0.0.1/",
    "http://user:secret@images.example/",
    "http://127.0.0.1#@images.example/",
    "http://127.0.0.1?@images.example/",
    "http://images.example\\@127.0.0.1/",
    "http:\\\\127.0.0.1\\",
    "http:/\\127.0.0.1/",
    "http://127.0.0.1\\.images.example/",
    "http://images.example\t.evil.example/",
    "http://images.example /",
    " http://127.0.0.1/",
    "http://images.example/\r\nHost: 127.0.0.1\r\n",
    "http://images.example\r\nX: y/",
    "http://127.0.0.1\0.images.example/",
    "http://images.example/\0",
    "http://images.example/\u202e",
    "http://images.example:80:80/",
    "http://images.example:/../@127.0.0.1/",
    "http://images.example:+80/",
    "http://images.example:８０/",
    "http://images.example:0/",
    "http://images.example:99999/",
    "http://[images.example]/",
    "http://[::1/",
    "http://]/",
    "http:///127.0.0.1/",
    "http://",
    "http:127.0.0.1",
    "//127.0.0.1/",
    "http://.images.example/",
    "http://images..example/",
    "http://-images.example/",
    "http://images.example/" + "a" * 9000,
    # Ports and schemes.
    "http://images.example:22/",
    "http://images.example:6379/",
    "http://images.example:8080/",
    "https://images.example:6443/",
    "ftp://images.example/",
    "file:///etc/passwd",
    "file://images.example/etc/passwd",
    "gopher://images.example:70/_",
    "dict://images.example:11211/",
    "ldap://images.example/",
    "data:text/html,x",
    "javascript:alert(1)",
    "jar:http://images.example!/",
    "httpx://images.example/",
    "",
]


class TestAttempts:
    def test_there_are_many(self) -> None:
        assert len(set(ATTEMPTS)) == len(ATTEMPTS) > 120

    @pytest.mark.parametrize("url", ATTEMPTS)
    def test_nothing_is_connected_to(self, url: str) -> None:
        ways = Ways(NAMES)
        with pytest.raises(FetchRefused) as refused:
            fetcher(ways, "*").fetch(url)
        assert ways.connected == []
        assert "secret" not in str(refused.value)

    @pytest.mark.parametrize("url", [url for url in ATTEMPTS if url.isprintable() and "//" in url and len(url) < 1000])
    def test_nor_after_a_redirect_that_leads_there(self, url: str) -> None:
        with served(answer(status="302 Found", Location=url.encode().decode("latin-1"))) as server:
            ways = Ways(NAMES, server)
            with pytest.raises(FetchRefused):
                fetcher(ways, "*").fetch("http://images.example/a.png")
        assert ways.connected == [(PUBLIC, 80)]

    @pytest.mark.parametrize("entry", ["*", "images.example", "*.example"])
    def test_an_entry_does_not_make_a_private_address_public(self, entry: str) -> None:
        ways = Ways({"images.example": ["10.1.1.1"], "a.images.example": ["10.1.1.1"]})
        for url in ("http://images.example/", "http://a.images.example/", "http://10.1.1.1/"):
            with pytest.raises(FetchRefused):
                fetcher(ways, entry, "10.1.1.1").fetch(url)
        assert ways.connected == []


class TestAllowed:
    def test_off_by_default(self) -> None:
        ways = Ways()
        asked = Fetcher(Settings.load(environ={}), ways.resolve, ways.connect)
        assert not asked.enabled
        with pytest.raises(FetchRefused, match=r"off.*fetch\.allow"):
            asked.fetch("https://images.example/a.png")
        assert ways.resolved == ways.connected == []

    @pytest.mark.parametrize(
        ("entry", "url"),
        [
            ("images.example", "http://images.example/a.png"),
            ("Images.Example.", "http://IMAGES.example./a.png"),
            ("*.images.example", "http://a.b.images.example/"),
            ("images.example:8080", "http://images.example:8080/"),
            ("*:8080", "http://images.example:8080/"),
            ("93.184.215.14", "http://93.184.215.14/"),
            ("[2606:4700::1111]:8080", "http://[2606:4700:0:0::1111]:8080/"),
            ("bücher.example", "http://bücher.example/"),
            ("bücher.example", "http://xn--bcher-kva.example/"),
            ("*", "http://93.184.215.14/"),
            ("*", "http://[64:ff9b::5db8:d70e]/"),
        ],
    )
    def test_what_an_entry_covers(self, entry: str, url: str) -> None:
        with served(answer(PNG)) as server:
            assert fetched(server, url, entry).data == PNG

    @pytest.mark.parametrize(
        ("entry", "url"),
        [
            ("images.example", "http://a.images.example/"),
            ("images.example", "http://evilimages.example/"),
            ("images.example", "http://images.example.evil.example/"),
            ("*.images.example", "http://images.example/"),
            ("*.images.example", "http://xaimages.example/"),
            ("images.example:8080", "http://images.example/"),
            ("images.example", "http://93.184.215.14/"),
            ("*.14", "http://93.184.215.14/"),
        ],
    )
    def test_what_it_does_not(self, entry: str, url: str) -> None:
        ways = Ways()
        with pytest.raises((FetchRefused, BadSettings)):
            fetcher(ways, entry).fetch(url)
        assert ways.resolved == ways.connected == []

    @pytest.mark.parametrize(
        "entry", ["https://images.example", "im*.example", "*.*.example", "a b", "::1", "images.example:0", "*.10.0.0.1"]
    )
    def test_an_entry_that_means_nothing_is_told(self, entry: str) -> None:
        with pytest.raises(BadSettings, match=r"fetch\.allow"):
            fetcher(Ways(), entry)


class TestFetching:
    def test_the_checked_address_is_asked_by_name(self) -> None:
        with served(answer(PNG, content_type="Image/PNG; x=y")) as server:
            ways = Ways(server=server)
            found = fetcher(ways).fetch("http://Images.Example/a b/ü.png?q=%20ß#part".replace(" ", "%20"))
        assert found == Fetched(PNG, "http://images.example/a%20b/%C3%BC.png?q=%20%C3%9F", "image/png")
        assert (ways.resolved, ways.connected) == (["images.example"], [(PUBLIC, 80)])
        [head] = server.requests
        assert head.startswith("GET /a%20b/%C3%BC.png?q=%20%C3%9F HTTP/1.1\r\nHost: images.example\r\n")
        assert "Accept-Encoding: identity\r\n" in head
        assert "Cookie" not in head

    def test_a_name_is_looked_up_once_for_each_hop(self) -> None:
        """Rebinding: a second answer, private this time, is never asked for."""
        turns = [[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]]
        with served(answer(PNG)) as server:
            ways = Ways(server=server)
            ways.resolve = lambda host: turns.pop(0)  # type: ignore[method-assign]
            assert fetcher(ways).fetch("http://images.example/").data == PNG
        assert (len(turns), ways.connected) == (2, [(PUBLIC, 80)])

    def test_a_host_that_turns_private_between_two_hops_is_refused(self) -> None:
        turns = [[PUBLIC], ["127.0.0.1"]]
        with served(answer(status="302 Found", Location="/b.png")) as server:
            ways = Ways(server=server)
            ways.resolve = lambda host: turns.pop(0)  # type: ignore[method-assign]
            with pytest.raises(FetchRefused):
                fetcher(ways).fetch("http://images.example/")
        assert ways.connected == [(PUBLIC, 80)]

    def test_redirects_are_followed(self) -> None:
        def answers(head: bytes) -> bytes:
            paths = {b"/1": "/2?x#y", b"/2?x": "//other.example/3", b"/3": "http://images.example/bild-ü.png"}
            place = head.split()[1]
            if place not in paths:
                return answer(PNG)
            return answer(status="301 Moved", location=paths[place].encode().decode("latin-1"))

        with served(answers) as server:
            ways = Ways(server=server)
            assert fetcher(ways).fetch("http://images.example/1").url == "http://images.example/bild-%C3%BC.png"
        assert ways.resolved == ["images.example", "images.example", "other.example", "images.example"]

    def test_a_redirect_is_held_against_the_allowed_hosts(self) -> None:
        with served(answer(status="307 Elsewhere", location="http://other.example/")) as server:
            ways = Ways(server=server)
            with pytest.raises(FetchRefused, match=r"other\.example is not among"):
                fetcher(ways, "images.example").fetch("http://images.example/")
        assert ways.resolved == ["images.example"]

    def test_redirects_have_an_end(self) -> None:
        with served(answer(status="302 Found", location="/again")) as server, pytest.raises(FetchFailed, match="max_redirects"):
            fetched(server, "http://images.example/", fetch__max_redirects=3)
        assert len(server.requests) == 4

    def test_the_next_address_is_tried(self) -> None:
        with served(answer(PNG)) as server:
            ways = Ways({"images.example": ["2606:4700::1111", PUBLIC]}, server)
            reached = ways.connect

            def refusing(address: str, port: int, timeout: float) -> socket.socket:
                made = reached(address, port, timeout)
                if ":" in address:
                    made.close()
                    raise OSError("no route")
                return made

            ways.connect = refusing  # type: ignore[method-assign]
            assert fetcher(ways).fetch("http://images.example/").data == PNG
        assert ways.connected == [("2606:4700::1111", 80), (PUBLIC, 80)]

    def test_chunks_and_no_length_at_all(self) -> None:
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
        for raw, body in ((chunked, b"abcde"), (b"HTTP/1.0 200 OK\r\n\r\nabc", b"abc"), (answer(), b"")):
            with served(raw) as server:
                assert fetched(server, "http://images.example/").data == body


def endless(head: bytes, part: bytes) -> Iterator[bytes]:
    yield head
    while True:
        yield part


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
HOSTILE: dict[str, tuple[Callable[[bytes], "bytes | Iterator[bytes]"], type[KuatoError], str]] = {
    "a length above the limit": (lambda _: OK + b"Content-Length: 99999999999\r\n\r\nabc", TooLarge, "max_bytes"),
    "no length, no end": (lambda _: endless(OK + b"\r\n", bytes(4096)), TooLarge, "max_bytes"),
    "chunks without end": (lambda _: endless(CHUNKED, b"1000\r\n" + bytes(4096) + b"\r\n"), TooLarge, "max_bytes"),
    "headers without end": (lambda _: endless(OK, b"X: " + b"y" * 1000 + b"\r\n"), FetchFailed, "without end"),
    "one header without end": (lambda _: endless(OK + b"X: ", b"y" * 1000), FetchFailed, "without end"),
    "no answer but promises": (lambda _: endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), FetchFailed, "without end"),
    "less than promised": (lambda _: OK + b"Content-Length: 5\r\n\r\nabc", FetchFailed, "2 bytes are missing"),
    "a chunk cut off": (lambda _: CHUNKED + b"5\r\nabc", FetchFailed, "no proper answer"),
    "a chunk of a strange size": (lambda _: CHUNKED + b"xyz\r\nabc", FetchFailed, "no proper answer"),
    "compressed": (lambda _: answer(PNG, content_encoding="gzip"), FetchFailed, "compressed"),
    "compressed another way": (lambda _: answer(PNG, transfer_encoding="gzip, chunked"), FetchFailed, "compressed"),
    "no HTTP": (lambda _: b"SSH-2.0-OpenSSH_9.6\r\n", FetchFailed, "no proper answer"),
    "nothing": (lambda _: b"", FetchFailed, "cannot be reached"),
    "not found": (lambda _: answer(status="404 Not Found"), FetchFailed, "answers 404"),
    "a part": (lambda _: answer(PNG, status="206 Partial Content"), FetchFailed, "answers 206"),
    "a redirect to nowhere": (lambda _: answer(status="302 Found"), FetchFailed, "where to go on"),
    "a redirect in two lines": (lambda _: answer(status="302 Found", location="/a\r\n b"), FetchRefused, "blanks"),
}


class TestHostileServers:
    @pytest.mark.parametrize("what", HOSTILE)
    def test_costs_one_request(self, what: str) -> None:
        answers, error, words = HOSTILE[what]
        with served(answers) as server, pytest.raises(error, match=words):
            fetched(server, "http://images.example/", picture__max_bytes=100_000)
        assert len(server.requests) == 1

    @pytest.mark.parametrize("begins", [b"", OK, OK + b"Content-Length: 999999999\r\n\r\n", CHUNKED + b"3fffffff\r\n"])
    def test_who_sends_a_byte_now_and_then_is_not_waited_for(self, begins: bytes) -> None:
        """Each byte arrives within the time for one read; the clock of the whole fetch does not care."""
        ticks = iter(range(10_000))

        def drip(head: bytes) -> Iterator[bytes]:
            yield begins
            while True:
                yield b"H"

        with served(drip) as server:
            ways = Ways(server=server)
            settings = Settings.load(environ={}, overrides={"fetch.allow": ["*"], "fetch.max_seconds": 50, "picture.max_bytes": 1 << 40})
            with pytest.raises((Late, FetchFailed)) as stopped:
                Fetcher(settings, ways.resolve, ways.connect, clock=lambda: float(next(ticks))).fetch("http://images.example/")
        assert begins in (b"", OK) or isinstance(stopped.value, Late)

    def test_who_says_nothing_is_not_waited_for(self) -> None:
        done = threading.Event()

        def silent(head: bytes) -> bytes:
            done.wait(10)
            return b""

        with served(silent) as server:
            with pytest.raises(Late, match="max_seconds"):
                fetched(server, "http://images.example/", fetch__max_seconds=0.2)
            done.set()

    def test_a_resolver_that_hangs_is_not_waited_for(self) -> None:
        done = threading.Event()
        ways = Ways()
        ways.resolve = lambda host: [PUBLIC] if done.wait(10) else []  # type: ignore[method-assign]
        with pytest.raises(Late):
            fetcher(ways, fetch__max_seconds=0.2).fetch("http://images.example/")
        done.set()
        assert ways.connected == []

    @pytest.mark.parametrize("found", [[], OSError("no such host"), UnicodeError("label too long")])
    def test_a_name_nobody_knows(self, found: list[str] | Exception) -> None:
        ways = Ways()

        def resolve(host: str) -> list[str]:
            if isinstance(found, Exception):
                raise found
            return found

        ways.resolve = resolve  # type: ignore[method-assign]
        with pytest.raises(FetchFailed, match="not known"):
            fetcher(ways).fetch("http://images.example/")

    def test_nobody_listens(self) -> None:
        with pytest.raises(FetchFailed, match="cannot be reached"):
            fetcher(Ways()).fetch("http://images.example/")

    def test_what_is_refused_does_not_tell_what_a_name_stands_for(self) -> None:
        with pytest.raises(FetchRefused) as refused:
            fetcher(Ways(NAMES)).fetch("http://private.example/")
        assert "192.168" not in str(refused.value)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


def context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(made)
    return made


class TestTLS:
    @pytest.mark.parametrize("host", ["images.example", "xn--bcher-kva.example", "93.184.215.14", "[2606:4700::1111]"])
    def test_the_name_is_asked_for_and_checked(self, authority: trustme.CA, ca_file: Path, host: str) -> None:
        asked: list[str | None] = []
        secured = context(authority, host.strip("[]"))
        secured.sni_callback = lambda line, name, own: asked.append(name)
        with served(answer(PNG), tls=secured) as server:
            ways = Ways(server=server)
            assert fetcher(ways, network__ca_file=ca_file).fetch(f"https://{host}/").data == PNG
        assert ways.connected == [(PUBLIC if host.endswith("example") else host.strip("[]"), 443)]
        assert asked == [host if host.endswith("example") else None]

    def test_a_certificate_of_another_name_is_not_trusted(self, authority: trustme.CA, ca_file: Path) -> None:
        untrusted = pytest.raises(FetchFailed, match="not trusted")
        with served(answer(PNG), tls=context(authority, "other.example")) as server, untrusted:
            fetched(server, "https://images.example/", network__ca_file=ca_file)
        assert server.requests == []

    def test_nor_one_of_an_unknown_authority(self, authority: trustme.CA) -> None:
        untrusted = pytest.raises(FetchFailed, match="not trusted")
        with served(answer(PNG), tls=context(authority, "images.example")) as server, untrusted:
            fetched(server, "https://images.example/")
        assert server.requests == []

    def test_a_server_that_does_not_speak_it(self) -> None:
        with served(answer(PNG)) as server, pytest.raises(FetchFailed, match="cannot be reached"):
            fetched(server, "https://images.example/")

    def test_a_certificate_of_our_own_is_shown(self, authority: trustme.CA, ca_file: Path, tmp_path: Path) -> None:
        ours = authority.issue_cert("kuato.example")
        ours.private_key_and_cert_chain_pem.write_to_path(tmp_path / "ours.pem")
        secured = context(authority, "images.example")
        authority.configure_trust(secured)
        secured.verify_mode = ssl.CERT_REQUIRED
        with served(answer(PNG), tls=secured) as server:
            found = fetched(server, "https://images.example/", network__ca_file=ca_file, network__certificate=tmp_path / "ours.pem")
            assert found.data == PNG
            with pytest.raises(FetchFailed):
                fetched(server, "https://images.example/", network__ca_file=ca_file)

    @pytest.mark.parametrize("name", ["network.ca_file", "network.certificate"])
    def test_files_that_are_no_certificates_are_told(self, name: str, tmp_path: Path) -> None:
        (tmp_path / "x.pem").write_text("hello")
        for file in ("x.pem", "missing.pem"):
            with pytest.raises(BadSettings, match=name):
                Fetcher(Settings.load(environ={}, overrides={name: tmp_path / file}))

    def test_a_key_alone_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(BadSettings, match=r"network\.key"):
            Fetcher(Settings.load(environ={}, overrides={"network.key": tmp_path / "key.pem"}))


def tunnelling(status: str) -> Callable[[bytes], bytes]:
    return lambda head: answer(status=status, content_length="") if head.startswith(b"CONNECT") else answer(PNG)


class TestProxy:
    URL = "http://user:pass@proxy.example:3128"

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_is_told_the_address_and_never_the_name(self, authority: trustme.CA, ca_file: Path, scheme: str) -> None:
        tls = context(authority, "images.example") if scheme == "https" else None
        with served(answer(PNG), tls=tls) as behind, served(tunnelling("200 Connected"), tunnel=behind) as proxy:
            ways = Ways({"proxy.example": ["10.0.0.5"]}, proxy)
            found = fetcher(ways, network__proxy=self.URL, network__ca_file=ca_file).fetch(f"{scheme}://images.example/a.png")
        assert found.data == PNG
        assert (ways.resolved, ways.connected) == (["images.example", "proxy.example"], [("10.0.0.5", 3128)])
        port = 443 if scheme == "https" else 80
        assert proxy.requests == [
            f"CONNECT {PUBLIC}:{port} HTTP/1.1\r\nHost: {PUBLIC}:{port}\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n"
        ]
        assert behind.requests[0].startswith("GET /a.png HTTP/1.1\r\nHost: images.example\r\n")
        assert "Proxy-Authorization" not in behind.requests[0]

    def test_that_makes_no_tunnel_is_asked_for_the_page_at_the_address(self) -> None:
        with served(tunnelling("403 Forbidden")) as proxy:
            ways = Ways({"proxy.example": ["10.0.0.5"]}, proxy)
            assert fetcher(ways, network__proxy=self.URL).fetch("http://images.example/a.png").data == PNG
        head = proxy.requests[1]
        assert head.startswith(f"GET http://{PUBLIC}:80/a.png HTTP/1.1\r\nHost: images.example\r\n")
        assert "Proxy-Authorization: Basic" in head

    @pytest.mark.parametrize(("scheme", "status"), [("https", "403 Forbidden"), ("http", "407 Who are you")])
    def test_that_refuses_is_told(self, scheme: str, status: str) -> None:
        with served(tunnelling(status)) as proxy, pytest.raises(FetchFailed, match=f"proxy.example answers {status[:3]}"):
            fetched(proxy, f"{scheme}://images.example/", network__proxy=self.URL)
        assert len(proxy.requests) == 1

    @pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://private.example/", "http://mixed.example/", "http://localhost/"])
    def test_does_not_make_private_addresses_public(self, url: str) -> None:
        ways = Ways(NAMES)
        with pytest.raises(FetchRefused):
            fetcher(ways, network__proxy=self.URL).fetch(url)
        assert ways.connected == []

    def test_of_the_environment_counts_only_when_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
        monkeypatch.setenv("no_proxy", "direct.example")
        for asked, host, expected in (
            (False, "images.example", (PUBLIC, 80)),
            (True, "images.example", ("10.0.0.5", 3128)),
            (True, "direct.example", (PUBLIC, 80)),
        ):
            ways = Ways({"proxy.example": ["10.0.0.5"]})
            with pytest.raises(FetchFailed):
                fetcher(ways, network__environment=asked).fetch(f"http://{host}/")
            assert ways.connected == [expected]

    @pytest.mark.parametrize("url", ["socks5://proxy.example", "proxy.example:3128", "https://proxy.example", "http://:80", "http://x:y"])
    def test_that_cannot_be_used_is_told(self, url: str) -> None:
        with pytest.raises(BadSettings, match=r"network\.proxy"):
            Fetcher(Settings.load(environ={}, overrides={"network.proxy": url}))


def test_our_own_connector_looks_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("a name was looked up"))
    with served(answer(PNG)) as server, connect("127.0.0.1", server.port, 5) as line:
        assert line.getpeername() == ("127.0.0.1", server.port)
        line.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert line.recv(15) == b"HTTP/1.1 200 OK"
