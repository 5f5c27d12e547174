def test_a_bank_from_beginning_to_end(api):
    made = api.post("/api/v1/banks", json={"name": "a/b login", "kind": "baseline", "domains": ["tinlark.example"], "keep_days": 30})
    assert (made.status_code, made.json["kind"], made.json["keep_days"]) == (201, "baseline", 30)
    assert api.get("/api/v1/banks/a/b login").json["domains"] == ["tinlark.example"]
    assert [bank["name"] for bank in api.get("/api/v1/banks").json["banks"]] == ["a/b login"]
    changed = api.patch("/api/v1/banks/a/b login", json={"name": "login", "note": "checked", "keep_days": None}).json
    assert (changed["name"], changed["note"], changed["keep_days"], changed["domains"]) == ("login", "checked", None, ["tinlark.example"])
    assert api.delete("/api/v1/banks/login").status_code == 204
    assert api.get("/api/v1/banks/login").status_code == 404


def test_a_name_is_taken_once(api):
    api.post("/api/v1/banks", json={"name": "login"})
    again = api.post("/api/v1/banks", json={"name": "login"})
    assert (again.status_code, again.json["code"]) == (409, "conflict")


def test_what_cannot_be_a_bank(api):
    for bank in ({}, {"name": ""}, {"name": "x", "kind": "odd"}, {"name": "x", "colour": "red"}, {"name": "x", "thresholds": {"pdq": 0.1}}):
        assert api.post("/api/v1/banks", json=bank).status_code == 400
    assert api.get("/api/v1/banks").json == {"banks": []}


def test_a_value_of_another_type_is_a_mistake(api):
    """A keep_days of false would be 0, and let everything go."""
    for change in ({"keep_days": False}, {"keep_days": "30"}, {"sensitive": 0}, {"sensitive": "no"}, {"tags": "one"}, {"note": 1}):
        assert api.post("/api/v1/banks", json={"name": "x", **change}).status_code == 400
