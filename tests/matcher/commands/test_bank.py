"""`kuato bank`."""

from pathlib import Path

import pytest

from tests.matcher.commands.conftest import Kuato


@pytest.fixture
def brands(kuato: Kuato) -> Kuato:
    kuato("bank", "create", "brands", "--kind=baseline", "--tag=t:x", "--domain=a.org", "--threshold=pdq.yes=0.05", "--note", "hello")
    return kuato


def test_a_bank_is_as_it_was_created(brands: Kuato) -> None:
    [shown] = brands.json("bank", "show", "brands")
    assert shown == {
        "name": "brands",
        "kind": "baseline",
        "tags": ["t:x"],
        "domains": ["a.org"],
        "thresholds": {"pdq.yes": 0.05},
        "sensitive": False,
        "note": "hello",
        "keep_days": None,
    }
    assert brands.json("bank", "list") == [shown]
    assert "pdq.yes=0.05" in brands("bank", "show", "brands").stdout
    assert brands("bank", "list").stdout.splitlines()[1].split() == ["brands", "baseline", "t:x", "a.org", "hello"]


def test_update_changes_only_what_is_named(brands: Kuato) -> None:
    changes = "--add-tag=t:y --remove-tag=t:x --add-domain=b.org --threshold=pdq.yes= --threshold=tiles.maybe=0.3 --sensitive"
    [updated] = brands.json("bank", "update", "brands", *changes.split())
    assert (updated["kind"], updated["note"], updated["sensitive"]) == ("baseline", "hello", True)
    assert (updated["tags"], updated["domains"], updated["thresholds"]) == (["t:y"], ["a.org", "b.org"], {"tiles.maybe": 0.3})
    assert brands.json("bank", "update", "brands", "--not-sensitive", "--note", "")[0]["sensitive"] is False


def test_a_bank_keeps_its_pictures_for_a_time_of_its_own(kuato: Kuato) -> None:
    def kept(name: str) -> str:
        [line] = [line for line in kuato("bank", "show", name).stdout.splitlines() if line.strip().startswith("kept for")]
        return line.split("kept for")[1].strip()

    [made] = kuato.json("bank", "create", "drops", "--keep-days", "30")
    assert (made["keep_days"], kept("drops")) == (30, "30 days after last seen")
    assert kuato.json("bank", "update", "drops", "--note", "x")[0]["keep_days"] == 30
    assert (kuato.json("bank", "update", "drops", "--keep-days", "0")[0]["keep_days"], kept("drops")) == (0, "for ever")
    [changed] = kuato.json("bank", "update", "drops", "--keep-as-kind")
    assert (changed["keep_days"], kept("drops")) == (None, "as its kind (retention.banks)")


def test_deleting_a_sensitive_bank_tells_what_that_means(kuato: Kuato) -> None:
    kuato("bank", "create", "raids", "--sensitive")
    assert "sensitive no longer" in kuato("bank", "delete", "raids").stdout


def test_pictures_stay_with_a_renamed_bank_and_survive_a_deleted_one(brands: Kuato, gallery: Path) -> None:
    [added] = brands.json("add", gallery / "boat.png", "--bank", "brands")
    sha256 = added["picture"]["sha256"]
    brands("bank", "rename", "brands", "firms")
    assert brands.json("show", sha256)[0]["banks"] == ["firms"]
    assert brands("bank", "delete", "firms").stdout == "bank firms (baseline) deleted\n"
    assert brands.json("show", sha256)[0]["banks"] == []
    assert brands.json("bank", "list") == []


def test_pictures_are_put_in_and_taken_out(brands: Kuato, gallery: Path) -> None:
    [added] = brands.json("add", gallery / "boat.png")
    sha256 = added["picture"]["sha256"]
    assert brands("bank", "add", "brands", sha256).stdout == f"{sha256}: brands\n"
    assert len(brands.json("list", "--bank", "brands")) == 1
    assert brands("bank", "remove", "brands", sha256).stdout == f"{sha256}: in no bank\n"
    assert brands.json("list", "--bank", "brands") == []


def test_an_unknown_picture_stops_all(brands: Kuato, gallery: Path) -> None:
    [added] = brands.json("add", gallery / "boat.png")
    assert brands("bank", "add", "brands", added["picture"]["sha256"], "0" * 64).exit_code == 4
    assert brands.json("list", "--bank", "brands") == []


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (["create", "brands"], 5),
        (["create", " "], 2),
        (["create", "x", "--kind", "nice"], 2),
        (["create", "x", "--threshold", "pdq.yes=much"], 2),
        (["create", "x", "--threshold", "pdq.yes=7"], 2),
        (["create", "x", "--threshold", "pdq=0.1"], 2),
        (["create", "x", "--threshold", "pdq.yes=nan"], 2),
        (["create", "x", "--keep-days", "-1"], 2),
        (["create", "x", "--keep-days", "100000"], 2),
        (["update", "brands", "--keep-days", "3", "--keep-as-kind"], 2),
        (["rename", "nowhere", "x"], 4),
        (["delete", "nowhere"], 4),
        (["show", "nowhere"], 4),
        (["update", "nowhere", "--note", "x"], 4),
        (["add", "nowhere", "0" * 64], 4),
        (["remove", "brands", "abc"], 2),
    ],
)
def test_wrong_calls_change_nothing(brands: Kuato, call: list[str], code: int) -> None:
    before = brands.json("bank", "list")
    result = brands("bank", *call)
    assert (result.exit_code, result.stdout) == (code, ""), result.stderr
    assert brands.json("bank", "list") == before
