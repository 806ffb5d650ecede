"""Registries: built-in entries and those of plugins."""

import pytest

from surefoot.core.plugins import PluginWarning, Registry


@pytest.fixture
def loaded(monkeypatch):
    """The names that were loaded from entry points: none until they are needed."""
    asked = []

    def plugins(group):
        asked.append(group)
        return {"b": 2, "c": 3}

    monkeypatch.setattr("surefoot.core.plugins.plugins", plugins)
    return asked


def test_built_in_names_load_no_plugin(loaded):
    registry = Registry({"a": 1}, "surefoot.samplers")
    assert registry["a"] == 1
    assert "a" in registry
    assert loaded == []


def test_plugins_follow_or_come_first(loaded):
    assert list(Registry({"a": 1}, "surefoot.samplers").items()) == [("a", 1), ("b", 2), ("c", 3)]
    assert list(Registry({"a": 1}, "surefoot.samplers", plugins_first=True)) == ["b", "c", "a"]
    assert loaded == 2 * ["surefoot.samplers"]


def test_what_does_not_belong_is_left_out_and_its_name_stays_taken(loaded):
    with pytest.warns(PluginWarning, match="'b' of surefoot.samplers was left out: the name is built in"):
        odd = list(Registry({"a": 1, "b": 4}, "surefoot.samplers", accept=lambda entry: entry % 2 == 1))
    assert odd == ["a", "c"]


def test_an_unknown_name_is_a_key_error(loaded):
    with pytest.raises(KeyError, match="d"):
        Registry({"a": 1}, "surefoot.samplers")["d"]
    assert len(Registry({"a": 1}, "surefoot.samplers")) == 3


def test_an_object_of_another_kind_is_left_out(loaded):
    with pytest.warns(PluginWarning, match="'c' of surefoot.samplers was left out: 3 is no entry of that group"):
        assert list(Registry({"a": 1}, "surefoot.samplers", is_entry=lambda entry: entry < 3)) == ["a", "b"]
