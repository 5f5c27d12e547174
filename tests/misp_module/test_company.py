"""What is told of a match beside the picture itself: how often it was seen, whose page it is and whether it belongs there."""

from dataclasses import replace

import pytest

from matcher.bank import Bank
from matcher.cluster import founded_by
from matcher.match import Decision
from matcher.source import Source
from misp_module.company import Surroundings
from misp_module.disclosure import Policy
from misp_module.places import covered, host, hosts, hosts_of
from tests.misp_module.building import KNOWN, Shelf, known, match, rows, seen_in_misp
from tests.misp_module.test_correlation import correlation

CLUSTER = "0198c0de-0000-8000-8000-000000000000"
BRAND = Bank(1, "Ovalquay", "baseline", domains=("ovalquay.example", "*.quay.example"))


def in_event(n, **visibility):
    return replace(
        seen_in_misp(f"0badcafe-1111-4222-8333-{n:012}", **visibility), metadata={"event_uuid": f"0badcafe-2222-4222-8333-{n:012}"}
    )


def company(*records, hosts=(), banks=(), decision=Decision.YES, most=3):
    shelf = Shelf(known=list(records), banks=list(banks))
    return Surroundings(shelf, Policy(), most).of(match(records[0], decision), hosts, "")


def test_a_picture_in_many_events_correlates_no_more():
    few, many = (known(sources=tuple(in_event(n) for n in range(count))) for count in (3, 4))
    assert (company(few).crowded, company(few).events) == (False, 3)
    assert (company(many).crowded, company(many).events) == (True, 4)


def test_events_of_the_whole_cluster_count():
    members = [replace(known(f"{n:064x}", sources=(in_event(n),)), cluster=CLUSTER, id=n) for n in range(4)]
    assert company(*members).crowded and company(*members).cluster == CLUSTER


def test_events_that_may_not_be_told_of_count_and_are_not_told():
    found = company(known(sources=tuple(in_event(n, **({"tlp": "red"} if n > 1 else {})) for n in range(5))))
    assert (found.crowded, found.events) == (True, 2)


def test_the_object_says_so_and_its_values_do_not_correlate():
    crowd = known("ab" * 32, sources=tuple(in_event(n) for n in range(30)))
    shelf = Shelf(known=[crowd])
    shelf.found = replace(shelf.found, matches=(match(crowd),), decision=Decision.YES)
    [found] = correlation(shelf).answer({"attribute": {"type": "attachment", "value": "a.png", "data": "QUJD"}})["results"]["Object"]
    assert "seen in 30 events" in rows(found)["explanation"]
    assert all(row["disable_correlation"] for row in found["Attribute"])


def test_a_cluster_that_a_secret_picture_founded_is_told_by_another_name():
    founder = replace(known("aa" * 32, sources=(in_event(1, tlp="red"),)), cluster=founded_by("aa" * 32), id=1)
    shown = replace(known("bb" * 32, sources=(in_event(2),)), cluster=founded_by("aa" * 32), id=2)
    assert company(shown, founder).cluster == founded_by("bb" * 32)
    assert company(replace(shown, cluster=CLUSTER), replace(founder, cluster=CLUSTER)).cluster == CLUSTER
    told = replace(founder, sources=(in_event(1),))
    assert company(shown, told).cluster == founded_by("aa" * 32)


@pytest.mark.parametrize(
    ("hosts", "verdict", "named"),
    [
        ((), "", ""),
        (("ovalquay.example",), "benign", "ovalquay.example"),
        (("login.ovalquay.example",), "benign", "login.ovalquay.example"),
        (("a.quay.example",), "benign", "a.quay.example"),
        (("evil-ovalquay.example",), "impersonation", "evil-ovalquay.example"),
        (("ovalquay.example.evil.example",), "impersonation", "ovalquay.example.evil.example"),
        (("ovalquay.example", "evil.example"), "impersonation", "evil.example"),
    ],
)
def test_a_baseline_belongs_to_its_domains(hosts, verdict, named):
    found = company(known(banks=("Ovalquay",)), hosts=hosts, banks=[BRAND])
    assert (found.verdict, found.brand, found.host) == (verdict, "Ovalquay", named)


def test_a_maybe_is_no_verdict_nor_is_a_baseline_without_domains():
    assert company(known(banks=("Ovalquay",)), hosts=("evil.example",), banks=[BRAND], decision=Decision.MAYBE).verdict == ""
    assert company(known(banks=("Ovalquay",)), hosts=("evil.example",), banks=[replace(BRAND, domains=())]).verdict == ""
    assert company(known(banks=("kit",)), hosts=("evil.example",), banks=[Bank(2, "kit", "known-bad")]).brand == ""


def test_whose_page_it_is_stays_untold_where_a_source_is_hidden():
    hidden = known(sources=(in_event(1), in_event(2, tlp="red")), banks=("Ovalquay",))
    assert company(hidden, hosts=("evil.example",), banks=[BRAND]).brand == ""


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("https://User@WWW.Example.org.:8443/a?b", "www.example.org"),
        ("example.org", "example.org"),
        ("example.org:443", "example.org"),
        ("http://[2001:db8::1]/", "2001:db8::1"),
        ("http://[", ""),
        ("", ""),
        ("not a host", ""),
        ("http://", ""),
    ],
)
def test_the_host_of_a_url(text, name):
    assert host(text) == name


def test_where_objects_and_sources_were_seen():
    parts = [
        {"type": "url", "value": "https://a.example/x"},
        {"type": "domain|ip", "value": "b.example|192.0.2.7"},
        {"type": "link", "value": "https://report.example/"},
        {"type": "url", "value": 5},
        {"type": "text", "value": "c.example"},
    ]
    assert hosts(parts) == ("a.example", "b.example")
    sources = [Source("url", "https://a.example/"), Source("page", "/home/x.html"), seen_in_misp(KNOWN), Source("file", "b.example")]
    assert hosts_of(sources) == ("a.example",)
    assert hosts_of([replace(seen_in_misp(KNOWN), metadata={"url": "https://d.example/"})]) == ("d.example",)


def test_a_domain_covers_what_is_below_it():
    assert covered("a.b.example", ["b.example"]) and not covered("ab.example", ["b.example"]) and not covered("b.example", ["", "."])


def test_an_attribute_s_own_place_counts_whoever_may_know_of_it():
    own = replace(in_event(1, distribution="0"), metadata={"url": "https://evil.example/"})
    other = replace(in_event(2, distribution="0"), metadata={"url": "https://secret.example/"})
    around = Surroundings(Shelf(), Policy(), 3)
    assert around.seen(known(sources=(own, other)), own.id) == ("evil.example",)
    assert around.seen(known(sources=(own, other)), KNOWN) == () and around.seen(None, KNOWN) == ()
