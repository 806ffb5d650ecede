import subprocess
import sys

import pytest

from surefoot.tasks.builtin import BUILTINS


def test_the_built_ins_are_those_of_the_design():
    assert list(BUILTINS) == ["digits", "mnist1d", "fashion-mnist", "breast-cancer", "diabetes", "wine"]
    assert all(builtin.description for builtin in BUILTINS.values())


def test_they_can_be_listed_without_torch_or_scikit_learn():
    code = (
        "import sys; from surefoot.tasks.builtin import BUILTINS; "
        "print({'torch', 'sklearn', 'numpy'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_nobody_can_change_the_list():
    with pytest.raises(TypeError):
        BUILTINS["mine"] = BUILTINS["wine"]


def test_a_built_in_bears_its_name():
    assert [BUILTINS[name].load().name for name in ("digits", "wine")] == ["digits", "wine"]
