"""Whatever is in a file: it is refused, or its flaws are told, and nothing else happens."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matcher.errors import BadFile
from matcher.interchange.hashlists import FORMATS
from tests.matcher.interchange.conftest import pdq
from tests.matcher.interchange.reading import found

ONE = pdq(1).hex()
SEEDS = {
    "csv": f'algorithm,version,fingerprint,sha256,tags,source,note\npdq,1,{ONE},,"a|b",url:x,"n\n"\n'.encode(),
    "jsonl": json.dumps({"pdq": ONE, "tags": ["a"], "version": 1, "quality": 99, "url": "https://x"}).encode() + b"\n",
    "threatexchange": f"pdq {ONE}\n{ONE},99,a.jpg\n'C' pdq {ONE} X a,b\n".encode(),
    "photodna": json.dumps({"dimension": 144, "items": [{"id": 1, "path": "p", "hash": [7] * 144, "extra": {}}], "next_id": 2}).encode(),
    "misp": json.dumps({"Event": {"uuid": "x", "Object": [{"Attribute": [{"object_relation": "pdq", "value": ONE}]}]}}).encode(),
}
MUTATION = st.tuples(st.floats(0, 1), st.integers(0, 8), st.binary(max_size=8))


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutations=st.lists(MUTATION, min_size=1, max_size=6))
def test_lists_that_were_altered(tmp_path: Path, format: str, mutations: list[tuple[float, int, bytes]]) -> None:
    data = SEEDS[format]
    for where, length, new in mutations:
        at = int(where * len(data))
        data = data[:at] + new + data[at + length :]
    try:
        read = found(FORMATS[format], tmp_path, data)
    except BadFile as error:
        assert str(error).startswith("list: ")
    else:
        assert all(len(one.value) == 32 for entry in read.entries for one in entry.prints if (one.algorithm, one.version) == ("pdq", 1))
        assert all(place and text for place, text in read.flaws)


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
def test_lists_that_are_none(tmp_path: Path, format: str, data: bytes) -> None:
    try:
        assert found(FORMATS[format], tmp_path, data).entries == []
    except BadFile as error:
        assert str(error).startswith("list: ")
