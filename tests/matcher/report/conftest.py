"""One evaluation of the samples, whose truth is known, for all tests of reports."""

from pathlib import Path

import pytest

from matcher.evaluation import Trial, trial
from matcher.labelled import Labelled, read
from matcher.settings import Settings

SAMPLES = Path(__file__).parent.parent.parent.parent / "samples"


@pytest.fixture(scope="session")
def labelled() -> Labelled:
    return read(SAMPLES, SAMPLES / "ground_truth.json")


@pytest.fixture(scope="session")
def sample_settings(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings.load(environ={}, overrides={"redis.url": redis_url, "data.dir": tmp_path_factory.mktemp("data"), "workers.count": 1})


@pytest.fixture(scope="session")
def tried(labelled: Labelled, sample_settings: Settings) -> Trial:
    return trial(labelled.path_of, sample_settings)
