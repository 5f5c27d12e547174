"""`kuato search`."""

from pathlib import Path

import pytest

from tests.matcher.commands.conftest import Kuato, documents


@pytest.fixture
def stocked(kuato: Kuato, gallery: Path) -> Kuato:
    """A store that knows house and boat, the house in the bank brands."""
    kuato("bank", "create", "brands", "--kind", "baseline")
    kuato("bank", "create", "empty")
    kuato("add", gallery / "house.png", "--bank", "brands", "--tag", "house")
    kuato("add", gallery / "boat.png")
    return kuato


def sha_of(kuato: Kuato, name: str) -> str:
    return next(str(one["sha256"]) for one in kuato.json("list") if one["sources"][0]["id"].endswith(name))


def test_a_smaller_copy_is_found_with_its_reasons(stocked: Kuato, gallery: Path) -> None:
    [answer] = stocked.json("search", gallery / "house-small.jpg")
    assert (answer["query"], answer["decision"]) == (str(gallery / "house-small.jpg"), "YES")
    best = answer["matches"][0]
    assert best["picture"]["sha256"] == sha_of(stocked, "house.png")
    assert (best["decision"], best["relation"], best["picture"]["banks"]) == ("YES", "same picture", ["brands"])
    assert 0 <= best["distance"] < 0.2
    assert {one["algorithm"] for one in best["evidence"] if one["decision"] == "YES"} >= {"pdq"}
    local = next(one for one in best["evidence"] if one["algorithm"] == "local")
    assert local["alignment"]["inliers"] > 10
    assert answer["timings"]


def test_people_get_a_table_of_one_line_a_match_in_a_pipe(stocked: Kuato, gallery: Path) -> None:
    result = stocked("search", gallery / "house-small.jpg")
    head, columns, row = result.stdout.splitlines()
    assert head == f"{gallery / 'house-small.jpg'}: YES"
    assert columns.split() == ["decision", "distance", "relation", "picture", "cluster", "banks", "tags", "sources", "evidence"]
    assert row.startswith("YES ")
    assert all(word in row for word in (sha_of(stocked, "house.png"), "same picture", "brands", "house.png", "features agree"))


def test_what_is_not_known_is_no_and_is_not_remembered(kuato: Kuato, gallery: Path) -> None:
    result = kuato("search", gallery / "house.png", gallery / "house.png")
    assert result.exit_code == 0
    assert result.stdout == f"{gallery / 'house.png'}: NO\n" * 2
    assert kuato.json("list") == []


def test_a_known_picture_is_not_its_own_answer(stocked: Kuato, gallery: Path) -> None:
    house = sha_of(stocked, "house.png")
    assert stocked.json("search", "--sha256", house)[0]["matches"] == []
    stocked("add", gallery / "house-small.jpg")
    [answer] = stocked.json("search", "--sha256", house.upper())
    assert [match["picture"]["sha256"] for match in answer["matches"]] == [sha_of(stocked, "house-small.jpg")]


def test_banks_and_limit_narrow_the_answer(stocked: Kuato, gallery: Path) -> None:
    stocked("add", gallery / "house-small.jpg")
    query = gallery / "house.png"
    assert len(stocked.json("search", query)[0]["matches"]) == 2
    assert [len(stocked.json("search", query, "--bank", bank)[0]["matches"]) for bank in ("brands", "empty")] == [1, 0]
    [answer] = stocked.json("search", query, "--limit", "1")
    assert (len(answer["matches"]), answer["truncated"]) == (1, True)


def test_matches_with_an_ignore_bank_are_withheld_but_told(stocked: Kuato, gallery: Path) -> None:
    stocked("bank", "update", "brands", "--kind", "ignore")
    [answer] = stocked.json("search", gallery / "house-small.jpg")
    assert (answer["decision"], answer["matches"], len(answer["suppressed"])) == ("NO", [], 1)
    assert "withheld, because these are in a bank of the kind ignore: 1" in stocked("search", gallery / "house-small.jpg").stdout


def test_a_blank_picture_is_too_simple_yet_known_by_its_bytes(stocked: Kuato, gallery: Path) -> None:
    [answer] = stocked.json("search", gallery / "white.png")
    assert (answer["decision"], answer["too_simple"]) == ("NO", True)
    assert "too simple to match" in stocked("search", gallery / "white.png").stdout
    stocked("add", gallery / "white.png")
    assert stocked.json("search", gallery / "white.png")[0]["decision"] == "YES"


def test_answers_come_in_the_order_of_questions_and_past_a_bad_one(stocked: Kuato, gallery: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello")
    names = [gallery / "boat.png", tmp_path / "text.png", gallery / "white.png"]
    result = stocked("search", *names, "--json")
    assert result.exit_code == 3
    assert [(one["query"], one.get("decision")) for one in documents(result.stdout)] == [
        (str(names[0]), "YES"),
        (str(names[1]), None),
        (str(names[2]), "NO"),
    ]


def test_standard_input_can_be_asked_with(stocked: Kuato, gallery: Path) -> None:
    [answer] = stocked.json("search", "-", stdin=(gallery / "boat.png").read_bytes())
    assert (answer["query"], answer["decision"]) == ("standard input", "YES")


def test_experts_ask_one_algorithm(stocked: Kuato, gallery: Path) -> None:
    copy = gallery / "house-small.jpg"
    [answer] = stocked.json("search", copy, "--algorithm", "pdq")
    assert [one["algorithm"] for one in answer["matches"][0]["evidence"]] == ["pdq"]
    assert (answer["decision"], answer["matches"][0]["picture"]["sha256"]) == ("MAYBE", sha_of(stocked, "house.png"))
    distance = str(answer["matches"][0]["distance"] + 0.001)
    assert len(stocked.json("search", copy, "--algorithm", "pdq", "--max-distance", distance)[0]["matches"]) == 1
    assert stocked.json("search", copy, "--algorithm", "pdq", "--min-similarity", "1")[0]["matches"] == []
    stocked("add", copy)
    house = sha_of(stocked, "house.png")
    [answer] = stocked.json("search", "--sha256", house, "--algorithm", "pdq")
    assert [match["picture"]["sha256"] for match in answer["matches"]] == [sha_of(stocked, "house-small.jpg")]


def test_experts_ask_for_the_same_hash(stocked: Kuato, gallery: Path) -> None:
    assert len(stocked.json("search", gallery / "house.png", "--same-hash", "pdq")[0]["matches"]) == 1
    [answer] = stocked.json("search", gallery / "white.png", "--same-hash", "pdq")
    assert (answer["matches"], answer["too_simple"]) == ([], True)


def test_experts_filter_by_metadata(kuato: Kuato, gallery: Path, tmp_path: Path) -> None:
    kuato("add", gallery / "house.png")
    question = ["search", gallery / "house.png", "--algorithm", "pdq"]
    assert len(kuato.json(*question)[0]["matches"]) == 1
    assert kuato.json(*question, "--metadata", "case=A-1")[0]["matches"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ([], 2, "search wants a picture"),
        (["-", "-"], 2, "give it once"),
        (["missing.png"], 4, "missing.png does not exist"),
        ([""], 4, "'' does not exist"),
        (["--sha256", "abc"], 2, "is no SHA-256"),
        (["--sha256", "0" * 64], 4, "no picture 000"),
        (["missing.png", "--bank", "nowhere"], 4, "no bank 'nowhere'"),
        (["missing.png", "--limit", "0"], 2, "--limit"),
        (["missing.png", "--max-distance", "0.1"], 2, "say which"),
        (["missing.png", "--metadata", "a=b"], 2, "--metadata goes with"),
        (["missing.png", "--algorithm", "pdq", "--metadata", "a"], 2, "no KEY=VALUE"),
        (["missing.png", "--algorithm", "pdq", "--metric", "cosine"], 2, "--metric"),
    ],
)
def test_wrong_questions(kuato: Kuato, arguments: list[str], code: int, reason: str) -> None:
    result = kuato("search", *arguments)
    assert (result.exit_code, result.stdout) == (code, ""), result.stderr
    assert reason in result.stderr
    assert "Traceback" not in result.stderr
