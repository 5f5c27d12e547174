"""config/nginx/kuato.conf: nginx takes it, and Kuato behind it sees who asks."""

import json
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
import urllib3

from matcher.redis_server import EmbeddedRedis

ROOT = Path(__file__).parents[2]
KUATO = Path(sys.executable).with_name("kuato")
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    ca = trustme.CA()
    issued = ca.issue_cert("kuato.example")
    issued.private_key_pem.write_to_path(tmp_path / "privkey.pem")
    for number, pem in enumerate(issued.cert_chain_pems):
        pem.write_to_path(tmp_path / "fullchain.pem", append=number > 0)
    return ca


def configured(folder: Path, kuato: int, plain: int, tls: int) -> Path:
    """Write a whole configuration around ours, of which only ports and folders are changed."""
    text = (ROOT / "config" / "nginx" / "kuato.conf").read_text()
    text = re.sub(r"^ *listen \[::\].*\n", "", text, flags=re.MULTILINE)
    text = text.replace("/etc/ssl/kuato", str(folder)).replace("/var/log/nginx", str(folder))
    text = text.replace("127.0.0.1:6670;", f"127.0.0.1:{kuato};").replace("listen 80;", f"listen 127.0.0.1:{plain};")
    (folder / "kuato.conf").write_text(text.replace("listen 443 ", f"listen 127.0.0.1:{tls} "))
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    whole = folder / "nginx.conf"
    whole.write_text(
        f"daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}include {folder}/kuato.conf;\n}}\n"
    )
    return whole


@pytest.fixture
def published(tmp_path: Path, authority: trustme.CA) -> Iterator[tuple[urllib3.HTTPSConnectionPool, int, str]]:
    """Kuato behind nginx: a way to ask it, the port without TLS, and an administrator's token."""
    plain, tls = free_port(), free_port()
    web = ("web.listen=127.0.0.1:0", "web.proxy=127.0.0.1", "web.names=kuato.example")
    named = (f"data.dir={tmp_path / 'data'}", "workers.count=1", *web)
    command = [str(KUATO), *(part for one in named for part in ("--set", one))]
    create = [*command, "token", "create", "admin", "--role", "admin"]
    token = subprocess.run(create, capture_output=True, text=True, check=True).stdout.strip()
    server = subprocess.Popen([*command, "serve", "api"], stderr=subprocess.PIPE, text=True)
    front = None
    try:
        assert server.stderr is not None
        port = int(re.findall(r":(\d+)", server.stderr.readline())[-1])
        front = subprocess.Popen([str(NGINX), "-e", str(tmp_path / "error.log"), "-c", str(configured(tmp_path, port, plain, tls))])
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", tls), 1).close()
                break
            except OSError:
                assert front.poll() is None, (tmp_path / "error.log").read_text()
                time.sleep(0.05)
        context = ssl.create_default_context()
        authority.configure_trust(context)
        with urllib3.HTTPSConnectionPool(
            "127.0.0.1",
            tls,
            ssl_context=context,
            server_hostname="kuato.example",
            assert_hostname="kuato.example",
            source_address=("127.0.0.2", 0),
            timeout=30,
            retries=False,
        ) as pool:
            yield pool, plain, token
    finally:
        if front is not None:
            front.terminate()
            front.wait(20)
        server.terminate()
        server.communicate(timeout=120)
        EmbeddedRedis(tmp_path / "data").stop()


def test_nginx_takes_it_as_it_is(tmp_path: Path, authority: trustme.CA) -> None:
    whole = configured(tmp_path, 6670, free_port(), free_port())
    done = subprocess.run([str(NGINX), "-t", "-e", tmp_path / "error.log", "-c", whole], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


@pytest.mark.slow
def test_kuato_behind_it(published: tuple[urllib3.HTTPSConnectionPool, int, str], tmp_path: Path) -> None:
    pool, plain, token = published
    host, bearer = {"Host": "kuato.example"}, {"Authorization": f"Bearer {token}"}
    assert pool.request("GET", "/api/v1/stats", headers=host).status == 401
    pretending = {**host, **bearer, "X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    body = (ROOT / "samples" / "baseline" / "tinlark-login.png").read_bytes()
    assert pool.request("POST", "/api/v1/pictures", body=body, headers=pretending).status == 201
    half = (ROOT / "samples" / "queries" / "tinlark-half.webp").read_bytes()
    found = pool.request("POST", "/api/v1/search", body=half, headers={**host, **bearer})
    assert (found.status, found.json()["decision"]) == (200, "YES")
    assert found.headers["Strict-Transport-Security"].startswith("max-age")
    assert pool.request("POST", "/api/v1/search", body=body, headers={**host, **bearer, "Host": "other.example"}).status in (400, 403, 421)
    audit = [json.loads(line) for line in (tmp_path / "data" / "audit.jsonl").read_text().splitlines()]
    assert {line["address"] for line in audit} == {"127.0.0.2"}, "nginx says who asks, nobody else"
    moved = urllib3.request("GET", f"http://127.0.0.1:{plain}/api?x=1", headers=host, redirect=False)
    assert (moved.status, moved.headers["Location"]) == (308, "https://kuato.example/api?x=1")
