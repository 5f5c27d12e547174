"""`kuato account`."""

import json

import pytest
from click.testing import CliRunner

from matcher.accounts import Accounts
from matcher.cli import kuato
from matcher.errors import Unauthorized
from matcher.store import Store

PASSWORD = "correct horse battery"


@pytest.fixture
def run(store_url, tmp_path):
    def call(*words, given=None, code=0):
        sets = [f"--set=redis.url={store_url}", f"--set=data.dir={tmp_path}"]
        done = CliRunner().invoke(kuato, [*sets, "account", *words], input=given)
        assert done.exit_code == code, done.output
        return done

    return call


@pytest.fixture
def accounts(store_url):
    store = Store(lambda: store_url)
    yield Accounts(store)
    store.forget_connection()


def test_from_adding_to_removing(run, accounts, tmp_path):
    run("add", "ana", "--role", "reviewer", given=f"{PASSWORD}\n{PASSWORD}\n")
    assert accounts.check("ana", PASSWORD).role == "reviewer"
    (tmp_path / "new").write_text("another password\n")
    run("password", "ana", "--password-file", str(tmp_path / "new"))
    assert accounts.check("ana", "another password")
    with pytest.raises(Unauthorized):
        accounts.check("ana", PASSWORD)
    run("role", "ana", "admin")
    listed = json.loads(run("list", "--json").stdout)
    assert (listed["name"], listed["role"]) == ("ana", "admin")
    assert "password" not in listed and "proof" not in listed
    run("remove", "ana")
    assert accounts.list() == []
    noted = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [line["action"] for line in noted] == ["account.add", "account.password", "account.role", "account.remove"]
    assert PASSWORD not in str(noted)


def test_what_cannot_be(run):
    run("add", "ana", "--password-file", "-", given="short\n", code=2)
    run("add", "ana", "--bank", "nowhere", "--password-file", "-", given=PASSWORD, code=4)
    run("remove", "ana", code=4)
