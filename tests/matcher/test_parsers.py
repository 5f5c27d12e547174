"""Whatever a file or a request holds, its parser takes it apart or says what is wrong (benchmarks/fuzz.py goes on for longer)."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.faulty.parsers import harmless, parsers

NAMES = sorted(parsers(Path("/nonexistent")))
MUTATION = st.tuples(
    st.floats(0, 1),
    st.integers(0, 12),
    st.one_of(st.binary(max_size=8), st.sampled_from([b"\0", b"{", b"[", b'"', b"null", b"-1", b"1e999", b"\xff\xd8", b"\r\n\r\n"])),
)


@pytest.fixture(scope="module")
def all_parsers(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return parsers(tmp_path_factory.mktemp("parsers"))


@pytest.mark.filterwarnings("ignore")  # Pillow warns of what it reads
@pytest.mark.parametrize("name", NAMES)
def test_sound_input_is_understood(all_parsers: dict, name: str) -> None:
    for seed in all_parsers[name].seeds[:3]:
        all_parsers[name].parse(seed)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(which=st.integers(0, 30), mutations=st.lists(MUTATION, min_size=1, max_size=6))
def test_altered_input_does_no_harm(all_parsers: dict, name: str, which: int, mutations: list[tuple[float, int, bytes]]) -> None:
    parser = all_parsers[name]
    data = parser.seeds[which % len(parser.seeds)]
    for where, length, new in mutations:
        at = int(where * len(data))
        data = data[:at] + new + data[at + length :]
    harmless(parser, data)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=300))
def test_nonsense_does_no_harm(all_parsers: dict, name: str, data: bytes) -> None:
    harmless(all_parsers[name], data)
