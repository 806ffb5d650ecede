import pickle
import sys
import textwrap

import pytest

from surefoot.core.errors import DataError, TaskError
from surefoot.tasks.loader import load_task
from surefoot.tasks.task import Task
from surefoot.tasks.user_file import task_or_function_from_file

HEAD = """\
import torch
from torch import nn
from surefoot.tasks.task import Task

x, y = torch.zeros(8, 2), torch.zeros(8, 1)

class Net(nn.Linear):
    def __init__(self):
        super().__init__(2, 1)

def make(name, **changes):
    parts = dict(name=name, model=Net, loss=nn.MSELoss(), train=(x, y), valid=(x, y), batch_size=4, steps=3)
    return Task(**(parts | changes))

"""
HEAD_LINES = HEAD.count("\n")


@pytest.fixture
def write(tmp_path):
    def writer(body, name="mine.py", head=HEAD):
        path = tmp_path / name
        path.write_text(head + textwrap.dedent(body))
        return path

    return writer


def test_a_task_is_loaded_by_name(write):
    path = write("first = make('a')\nsecond = make('b')\n")
    assert task_or_function_from_file(path, "second").name == "b"


def test_a_function_without_arguments_is_called(write):
    assert task_or_function_from_file(write("def second():\n    return make('b')\n"), "second").name == "b"


@pytest.mark.parametrize(
    "body",
    [
        "only = make('a')\n",
        "def only() -> Task:\n    return make('a')\n",
        "def only() -> 'Task':\n    return make('a')\n",
    ],
)
def test_the_only_task_needs_no_name(write, body):
    assert task_or_function_from_file(write(body)).name == "a"


def test_neighbours_can_be_imported_and_the_path_is_as_before(write):
    write("NAME = 'from a sibling'\n", name="sibling_of_mine.py", head="")
    before = list(sys.path)
    task = task_or_function_from_file(write("from sibling_of_mine import NAME\ntask = make(NAME)\n"), "task")
    assert task.name == "from a sibling"
    assert sys.path == before


def test_a_function_may_import_neighbours_when_it_is_called(write):
    write("NAME = 'later'\n", name="late_sibling_of_mine.py", head="")
    path = write("def task():\n    import late_sibling_of_mine as late\n    return make(late.NAME)\n")
    assert task_or_function_from_file(path, "task").name == "later"


def test_an_edited_file_is_run_again(write):
    assert task_or_function_from_file(write("task = make('a')\n"), "task").name == "a"
    assert task_or_function_from_file(write("task = make('b')\n"), "task").name == "b"


def test_no_bytecode_is_left_behind(write):
    path = write("task = make('a')\n")
    task_or_function_from_file(path, "task")
    assert [file.name for file in path.parent.iterdir()] == ["mine.py"]


def test_objects_of_the_file_can_be_pickled(write):
    factory = task_or_function_from_file(write("task = make('a')\n"), "task").model
    assert pickle.loads(pickle.dumps(factory)) is factory


def test_the_file_is_compiled_with_its_own_future_imports_only(write):
    body = "def f(x: int): ...\nassert f.__annotations__ == {'x': int}\ntask = make('a')\n"
    assert task_or_function_from_file(write(body), "task").name == "a"


def test_a_dataclass_in_the_file_works(write):
    first = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    path = write(
        first + "@dataclass\nclass Size:\n    width: int\n" + HEAD + "task = make(str(Size(3).width))\n", head=""
    )
    assert task_or_function_from_file(path, "task").name == "3"


UNUSABLE = {
    "raises": (
        "\nraise KeyError('weights')\n",
        "task",
        ["the file raised KeyError: 'weights' (mine.py, line {line})"],
        2,
    ),
    "syntax": ("def (:\n", "task", ["the file raised SyntaxError: ", "(mine.py, line {line})"], 1),
    "exits": ("import sys\nsys.exit(1)\n", "task", ["the file raised SystemExit: 1 (mine.py, line {line})"], 2),
    "no such module": ("import nowhere_at_all\n", "task", ["ModuleNotFoundError: No module named 'nowhere_at_all'"], 1),
    "no such name": (
        "task = make('a')\n",
        "tsk",
        ["mine.py has no 'tsk'", "did you mean task?", "Tasks in the file: task."],
        0,
    ),
    "no task at all": ("", "task", ["mine.py has no 'task'", "The file has no Task."], 0),
    "another object": (
        "task = 3\nreal = make('a')\n",
        "task",
        ["'task' is neither a Task nor a training function; given int", "Tasks in the file: real."],
        0,
    ),
    "returns another object": (
        "def task():\n    return Net()\n",
        "task",
        ["'task' is neither a Task nor a training function; given Net", "Hint: "],
        0,
    ),
    "the model": ("net = Net()\n", "net", ["is neither a Task nor a training function; given Net"], 0),
    "function with arguments": ("def task(width):\n    return 1\n", "task", ["is a training function"], 0),
    "function raises": (
        "def task():\n    return 1 / 0\n",
        "task",
        ["task() raised ZeroDivisionError", "line {line})"],
        2,
    ),
    "invalid task": (
        "task = make('a', steps=0)\n",
        "task",
        ["mine.py, line 13: task 'a': steps must be", "given 0"],
        0,
    ),
    "invalid recipe": (
        "from surefoot.core.errors import RecipeError\nraise RecipeError('no such schedule.', hint='try cosine.')\n",
        "task",
        ["mine.py, line {line}: no such schedule. Hint: try cosine."],
        2,
    ),
    "unnamed, none": ("", None, ["mine.py holds no Task", "write mine.py:NAME"], 0),
    "unnamed, two": ("a = make('a')\nb = make('b')\n", None, ["holds 2 tasks", "write mine.py:a, mine.py:b."], 0),
}


@pytest.mark.parametrize(("body", "name", "parts", "line"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_an_unusable_file_is_rejected_in_one_line(write, body, name, parts, line):
    modules = set(sys.modules)
    with pytest.raises(TaskError) as caught:
        load_task(f"{write(body)}:{name}" if name else str(write(body)))
    message = str(caught.value)
    assert "\n" not in message
    assert "Hint: " in message or "given" in message
    for part in parts:
        assert part.format(line=HEAD_LINES + line) in message
    if "the file raised" in message:
        assert set(sys.modules) == modules


@pytest.mark.parametrize(
    "trial_call", ["import surefoot\ntrial = surefoot.trial()\n", "from surefoot import trial\ntrial()\n"]
)
def test_a_script_is_rejected_and_not_run(write, trial_call):
    path = write(f"1 / 0\n{trial_call}")
    with pytest.raises(TaskError, match=r"mine.py is a script: .* Hint: .* surefoot tune -- python mine.py\."):
        task_or_function_from_file(path)
    with pytest.raises(TaskError, match=r"mine.py is a script"):
        task_or_function_from_file(write(f"import logging\nlog = logging.getLogger(__name__)\n{trial_call}"))
    train = f"def train():\n{textwrap.indent(trial_call, '    ')}\n"
    main = f"{train}def main():\n    train()\nfor _ in range(1):\n    main()\n"
    with pytest.raises(TaskError, match=r"mine.py is a script"):
        task_or_function_from_file(write(main))
    other = write("task = make('a')\nclass Run:\n    def go(self):\n        return self.trial()\nprint('loaded')\n")
    assert task_or_function_from_file(other).name == "a"
    helper = write(f"task = make('a')\ndef helper():\n{textwrap.indent(trial_call, '    ')}")
    assert task_or_function_from_file(helper).name == "a"
    guarded = write(f"task = make('a')\nif __name__ == '__main__':\n{textwrap.indent(trial_call, '    ')}")
    assert task_or_function_from_file(guarded).name == "a"


def test_an_error_in_an_imported_file_names_that_file(write):
    write("\n\nraise ValueError('bad value')\n", name="bad_sibling_of_mine.py", head="")
    with pytest.raises(TaskError, match=r"ValueError: bad value \(bad_sibling_of_mine.py, line 3\)"):
        task_or_function_from_file(write("import bad_sibling_of_mine\n"), "task")


def test_unusable_data_are_a_data_error(write):
    with pytest.raises(DataError, match=r"mine.py, line \d+: train data: .*NaN.* Hint: fill"):
        task_or_function_from_file(write("task = make('a', train=(x / 0, y))\n"), "task")


def test_a_missing_file_names_its_neighbours(write):
    path = write("")
    with pytest.raises(TaskError, match=r"mime.py: the file does not exist. Hint: did you mean mine.py\?"):
        task_or_function_from_file(path.with_name("mime.py"), "task")


def test_the_result_is_a_task(write):
    assert isinstance(task_or_function_from_file(write("task = make('a')\n")), Task)
