from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import surefoot


def test_every_public_name_is_there_and_listed():
    assert surefoot.__all__ == sorted(surefoot.__all__)
    for name in surefoot.__all__:
        assert getattr(surefoot, name) is not None
    assert dir(surefoot) == surefoot.__all__


def test_static_checkers_see_every_name_where_it_is_loaded_from():
    tree = ast.parse(Path(surefoot.__file__).read_text())
    (typed,) = (node for node in tree.body if isinstance(node, ast.If))
    homes = {
        alias.name: node.module for node in ast.walk(typed) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert homes == surefoot._HOMES
    assert {*homes, "__version__"} == {*surefoot.__all__}


def test_public_functions_are_no_modules():
    """A room that bore a function's name would shadow it once it is imported."""
    import surefoot.search.find
    import surefoot.search.tune

    assert callable(surefoot.tune)
    assert callable(surefoot.find)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="tunes"):
        surefoot.tunes  # noqa: B018


def test_importing_the_library_imports_nothing_heavy():
    heavy = ("torch", "numpy", "pandas", "scipy", "altair", "click", "rich")
    code = f"import surefoot, sys; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_an_argument_means_the_same_in_every_function():
    """One name, one default, one kind: what somebody has learned of one function holds for the others."""
    functions = [surefoot.find, surefoot.tune, surefoot.check, surefoot.explain, surefoot.slice_loss, surefoot.descend]
    defaults: dict[str, set[object]] = {}
    for function in functions:
        for name, parameter in inspect.signature(function).parameters.items():
            defaults.setdefault(name, set()).add(parameter.default)
    for name in ("seed", "study", "progress", "stop", "workers", "timeout", "settings", "plan"):
        assert len(defaults[name]) == 1, (name, defaults[name])


@pytest.mark.parametrize(
    "name", [name for name in surefoot.__all__ if name.endswith("Result")] + ["LossSlice", "Descent"]
)
def test_every_result_has_a_recipe_json_and_a_view_for_notebooks(name):
    result = getattr(surefoot, name)
    fields = {*getattr(result, "__dataclass_fields__", {})} | {*dir(result)}
    assert {"recipe", "to_json", "summary", "_repr_html_"} <= fields
