import subprocess
import sys

import pytest

from surefoot.tasks.builtin import BUILTINS


def test_the_built_in_tasks_are_complete_and_described():
    assert list(BUILTINS) == ["digits", "mnist1d", "fashion-mnist", "breast-cancer", "diabetes", "wine"]
    assert all(builtin.description for builtin in BUILTINS.values())


def test_built_in_tasks_can_be_listed_without_importing_torch():
    code = (
        "import sys; from surefoot.tasks.builtin import BUILTINS; "
        "print({'torch', 'sklearn', 'numpy'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_the_list_of_built_in_tasks_cannot_be_changed():
    with pytest.raises(TypeError):
        BUILTINS["mine"] = BUILTINS["wine"]


def test_a_built_in_task_has_its_name():
    assert [BUILTINS[name].load().name for name in ("digits", "wine")] == ["digits", "wine"]
