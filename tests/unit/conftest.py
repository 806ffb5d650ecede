"""Unit tests train nothing: a test that trains belongs into ``functional/``."""

import pytest


@pytest.fixture(autouse=True)
def _trains_nothing(monkeypatch):
    """Fail a test that trains a fleet."""
    from surefoot.fleet import training

    def refuse(*args, **kwargs):
        pytest.fail("a unit test trains a fleet: move it to tests/functional")

    monkeypatch.setattr(training, "_train_block", refuse)
