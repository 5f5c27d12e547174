"""`kuato search --text`, with the real program."""

from pathlib import Path

from tests.matcher.commands.conftest import Kuato
from tests.matcher.reading import SENTENCES, needs, written


def test_words_on_pictures_are_found_and_shown(kuato: Kuato, tmp_path: Path) -> None:
    needs("eng")
    kuato.options += ["--set=fingerprints.enabled=pdq,text", "--set=picture.max_seconds=20"]
    file = tmp_path / "bank.png"
    file.write_bytes(written(SENTENCES["eng"]))
    assert kuato("add", file).exit_code == 0
    [known] = kuato.json("list")
    sha = known["sha256"]
    [answer] = kuato.json("search", "--text", "harborlime bank")
    assert (answer["query"], answer["decision"]) == ("harborlime bank", "YES")
    assert answer["matches"][0]["picture"]["sha256"] == sha
    assert SENTENCES["eng"] in kuato("show", sha).stdout
    assert kuato.json("show", sha)[0]["texts"] == {"text": SENTENCES["eng"]}
    refused = kuato("search", "--text", "?")
    assert refused.exit_code == 2 and "at least two letters" in refused.stderr
    kuato("tag", sha, "--add", "copine-scale:level=1")
    for words in (["show", sha], ["search", "--text", "harborline bank"], ["list"]):
        for more in ([], ["--json"]):
            told = kuato(*words, *more)
            assert told.exit_code == 0 and "account" not in told.stdout and SENTENCES["eng"].encode().hex() not in told.stdout
