"""The listener on a real socket."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from matcher.errors import BadSettings
from matcher.settings import Settings
from misp_module.server import Listener
from tests.misp_module.building import Shelf, answer, asking, known, match


def configured(**changes):
    given = {"misp__listen": "127.0.0.1:0"} | changes
    return Settings.load(environ={}, overrides={name.replace("__", "."): value for name, value in given.items()})


@pytest.fixture
def listener():
    """A listener that knows one picture, on a free port."""
    listener = Listener(Shelf(answer(match(known()))), configured(picture__max_bytes=2_000_000))
    thread = threading.Thread(target=listener.run)
    thread.start()
    yield listener
    listener.stop()
    thread.join(10)
    assert not thread.is_alive()


def connect(listener, source=None):
    address = urlsplit(listener.url)
    return http.client.HTTPConnection(address.hostname, address.port, timeout=10, source_address=source and (source, 0))


def post(listener, body, **headers):
    connection = connect(listener)
    try:
        connection.request("POST", "/query", body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_it_answers_over_http(listener):
    status, reply = post(listener, json.dumps(asking(b"picture")))
    assert status == 200 and len(reply["results"]["Object"]) == 1


def test_a_body_without_length_is_read_too(listener):
    status, reply = post(listener, iter([json.dumps(asking(b"picture")).encode()]))
    assert status == 200 and len(reply["results"]["Object"]) == 1


def test_a_picture_of_many_megabytes_is_refused_with_words(listener):
    status, reply = post(listener, json.dumps(asking(b"x" * 6_000_000)))
    assert status == 200 and reply["results"] == {} and "picture.max_bytes" in reply["error"]


def test_twelve_at_once(listener):
    with ThreadPoolExecutor(12) as threads:
        replies = list(threads.map(lambda _: post(listener, json.dumps(asking(b"picture" * 50_000))), range(36)))
    assert all(status == 200 and reply["results"]["Object"] for status, reply in replies)


def test_another_address_is_hung_up_on_and_the_operator_told(listener, caplog):
    for _ in range(70):  # more than there may be connections
        connection = connect(listener, source="127.0.0.2")
        with pytest.raises(ConnectionError):
            connection.request("GET", "/modules", headers={"X-Forwarded-For": "127.0.0.1"})
            connection.getresponse()
        connection.close()
    assert "refused a connection from 127.0.0.2 (misp.allow)" in caplog.text
    assert post(listener, json.dumps(asking(b"picture")))[0] == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00",
        b"GET /modules HTTP/1.1\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
        b"POST /query HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    ],
)
def test_what_is_no_http_harms_nobody(listener, sent):
    address = urlsplit(listener.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as raw:
        raw.sendall(sent)
    assert post(listener, json.dumps(asking(b"picture")))[0] == 200


def test_stopping_twice_or_before_the_start_is_no_harm():
    listener = Listener(Shelf(), configured())
    listener.stop()
    listener.run()
    listener.stop()


def test_a_taken_port_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(BadSettings, match=rf"misp\.listen.*{listen}"):
            Listener(Shelf(), configured(misp__listen=listen))


@pytest.mark.parametrize("allow", ["", "127.0.0.1,::1", "0.0.0.0/0"])
def test_it_does_not_start_in_public_without_knowing_for_whom(allow):
    with pytest.raises(BadSettings, match=r"misp\.allow"):
        Listener(Shelf(), configured(misp__listen="0.0.0.0:0", misp__allow=allow))


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_kuato_serve_starts_it_and_ends_cleanly(settings, tmp_path, free_port, sent):
    environ = {
        "PATH": os.environ["PATH"],
        "KUATO_REDIS_URL": settings["redis.url"],
        "KUATO_DATA_DIR": str(tmp_path),
        "KUATO_MISP_LISTEN": f"127.0.0.1:{free_port}",
    }
    process = subprocess.Popen([Path(sys.executable).with_name("kuato"), "serve", "misp"], stderr=subprocess.PIPE, text=True, env=environ)
    try:
        assert until_it_answers(free_port, process)["status"] is True
        process.send_signal(sent)
        _, said = process.communicate(timeout=15)
        assert f"misp listens on http://127.0.0.1:{free_port}" in said and "Traceback" not in said
        assert process.returncode == (0 if sent == signal.SIGTERM else 128 + signal.SIGINT)
    finally:
        process.kill()
        process.wait()


def until_it_answers(port, process):
    give_up = time.monotonic() + 60
    while (health := healthcheck(port)) is None:
        if time.monotonic() > give_up or process.poll() is not None:
            process.kill()
            pytest.fail(process.stderr.read())
        time.sleep(0.1)
    return health


def healthcheck(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthcheck")
        return json.loads(connection.getresponse().read())
    except ConnectionRefusedError:
        return None
    finally:
        connection.close()
