"""The job that the tests of shards share, and predictors that are loaded once."""

from functools import cache

import pytest

from rsn_mm.apis import Predictor
from rsn_mm.sharding import worker
from tests.sharding.jobs import write_job


@pytest.fixture(scope='session')
def folder(tmp_path_factory):
    """Images, a small network, and ``manifest.jsonl``."""
    folder = tmp_path_factory.mktemp('shards')
    write_job(folder)
    return folder


@pytest.fixture(scope='session')
def kept_predictors():
    """Makes predictors, each once."""
    return cache(Predictor)


@pytest.fixture(autouse=True)
def _loaded_once(monkeypatch, kept_predictors):
    monkeypatch.setattr(worker, 'Predictor', kept_predictors)
