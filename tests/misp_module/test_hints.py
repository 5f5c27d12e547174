"""What MISP publishes wakes a sync that waits."""

import threading
import time

import pytest
import zmq

from matcher.errors import BadSettings
from misp_module.hints import Hints


def test_what_is_published_ends_the_waiting() -> None:
    with zmq.Context() as context, context.socket(zmq.PUB) as publisher:
        port = publisher.bind_to_random_port("tcp://127.0.0.1")
        with Hints(f"tcp://127.0.0.1:{port}") as hints:
            done = threading.Event()

            def publish() -> None:
                while not done.wait(0.05):
                    publisher.send(b'misp_json_self {"status": "alive"}')
                    publisher.send(b'misp_json_attribute {"Attribute": {}}')

            thread = threading.Thread(target=publish)
            thread.start()
            try:
                assert hints.wait(60, threading.Event())
            finally:
                done.set()
                thread.join()


def test_that_it_is_alive_is_no_hint() -> None:
    with zmq.Context() as context, context.socket(zmq.PUB) as publisher:
        port = publisher.bind_to_random_port("tcp://127.0.0.1")
        with Hints(f"tcp://127.0.0.1:{port}") as hints:
            for _ in range(5):
                publisher.send(b'misp_json_self {"status": "alive"}')
                assert not hints.wait(0.1, threading.Event())


def test_without_an_address_it_waits_and_can_be_told_to_stop() -> None:
    stop = threading.Event()
    with Hints("") as hints:
        assert not hints.wait(0.01, stop)
        stop.set()
        begun = time.monotonic()
        assert not hints.wait(600, stop)
        assert time.monotonic() - begun < 60


def test_an_address_that_cannot_be() -> None:
    with pytest.raises(BadSettings, match=r"misp\.zmq"):
        Hints("nowhere")
