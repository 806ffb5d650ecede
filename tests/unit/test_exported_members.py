from __future__ import annotations

import pytest

import surefoot


def test_every_public_name_is_there_and_listed():
    assert surefoot.__all__ == sorted(surefoot.__all__)
    for name in surefoot.__all__:
        assert getattr(surefoot, name) is not None
    assert dir(surefoot) == surefoot.__all__


def test_public_functions_are_no_modules():
    """A room that bore a function's name would shadow it once it is imported."""
    import surefoot.search.find
    import surefoot.search.tune

    assert callable(surefoot.tune)
    assert callable(surefoot.find)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="tunes"):
        surefoot.tunes  # noqa: B018
