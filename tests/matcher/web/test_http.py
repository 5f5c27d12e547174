from ipaddress import ip_address

import pytest

from matcher.errors import BadSettings
from matcher.web.http import listen_address


@pytest.mark.parametrize(
    ("text", "host", "port"), [("127.0.0.1:6667", "127.0.0.1", 6667), ("[::1]:7000", "::1", 7000), ("localhost:0", "127.0.0.1", 0)]
)
def test_a_listen_address(text, host, port):
    assert listen_address(text, "web.listen") == (ip_address(host), port)


@pytest.mark.parametrize("text", ["", "6667", "127.0.0.1", "127.0.0.1:", "127.0.0.1:port", "127.0.0.1:70000", "misp.example.org:6667"])
def test_a_listen_address_that_is_none(text):
    with pytest.raises(BadSettings, match=r"web\.listen"):
        listen_address(text, "web.listen")
