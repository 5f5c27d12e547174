"""Only addresses that the operator named may ask."""

from ipaddress import ip_address

import pytest

from matcher.errors import BadSettings
from misp_module.access import AllowList


@pytest.mark.parametrize(
    ("entries", "address", "admitted"),
    [
        (["127.0.0.1", "::1"], "127.0.0.1", True),
        (["127.0.0.1", "::1"], "::1", True),
        (["127.0.0.1", "::1"], "127.0.0.2", False),
        (["192.0.2.0/24"], "192.0.2.77", True),
        (["192.0.2.0/24"], "192.0.3.1", False),
        (["192.0.2.0/24"], "::ffff:192.0.2.77", True),
        (["fe80::/10"], "fe80::1%eth0", True),
        ([], "127.0.0.1", False),
        (["anyone"], "203.0.113.9", True),
        (["127.0.0.1"], "", False),
        (["127.0.0.1"], "unix", False),
    ],
)
def test_admits(entries, address, admitted):
    assert AllowList(entries).admits(address) is admitted


@pytest.mark.parametrize("entries", [[], ["127.0.0.1", "::1"], ["0.0.0.0/0"], ["192.0.2.7", "::/0"]])
def test_a_public_listener_needs_to_know_who_may_ask(entries):
    with pytest.raises(BadSettings, match=r"misp\.allow"):
        AllowList(entries).check(ip_address("0.0.0.0"))


@pytest.mark.parametrize(
    ("host", "entries"), [("0.0.0.0", ["192.0.2.7"]), ("192.0.2.1", ["anyone"]), ("127.0.0.1", []), ("::1", ["127.0.0.1"])]
)
def test_a_listener_that_knows_starts(host, entries):
    AllowList(entries).check(ip_address(host))


@pytest.mark.parametrize("entry", ["misp.example.org", "300.0.0.1", "192.0.2.7/24"])
def test_an_entry_that_is_no_address_is_named(entry):
    with pytest.raises(BadSettings, match=entry.replace(".", r"\.")):
        AllowList([entry])
