"""TASK, as it is written on the command line -> Task."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from surefoot.core.errors import DataError, TaskError, nearest
from surefoot.tasks.builtin import BUILTINS
from surefoot.tasks.task import Task
from surefoot.tasks.user_code_errors import located
from surefoot.tasks.user_file import task_or_function

if TYPE_CHECKING:
    from surefoot.tasks.tabular_task import Kind

PYTHON_FILE = re.compile(r"(?P<path>.+\.py)(:(?P<name>[^:/\\]*))?", re.IGNORECASE)
TABLE_SUFFIXES = (".csv", ".tsv")
FORMS = "FILE.py:NAME (a Task or a training function), FILE.csv with --target COLUMN, or a built-in"


class TaskOptions(TypedDict, total=False):
    """The arguments of :func:`load_subject`, which says what they mean."""

    target: str | None
    kind: Kind
    test_share: float
    split_seed: int
    data_folder: Path | None
    steps: int | None
    epochs: float | None
    batch_size: int | None


def load(text: str, **options: Unpack[TaskOptions]) -> Task:
    """Return the task that a text names.

    See :func:`load_subject` for the arguments.

    Raises:
        TaskError: If there is no such task, it cannot be loaded, or options do not belong to it.
        DataError: If its data cannot be read or are unfit.

    Example:
        >>> load("digits", steps=100).total_steps
        100
    """
    found = load_subject(text, **options)
    if not isinstance(found, Task):
        raise TaskError(f"{text} is a training function; a Task is needed here.", hint=f"a task is {FORMS}.")
    return found


def load_subject(
    text: str,
    *,
    target: str | None = None,
    kind: Kind = "auto",
    test_share: float = 0.0,
    split_seed: int = 0,
    data_folder: Path | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int | None = None,
) -> Task | Callable[[Any], Any]:
    """Return the task that a text names, or the training function ``path/to/file.py:function``, which is not called.

    Args:
        text: ``path/to/file.py:name``, ``data.csv`` (or ``.tsv``), or the name of a built-in task.
        target: The column of a CSV file to predict.
        kind: What a CSV's target is: ``classification``, ``regression``, or ``auto`` to find out.
        test_share: Share of a CSV's rows set aside as test data.
        split_seed: The luck of a CSV's split.
        data_folder: Where the files of a built-in lie that has some (``fashion-mnist``).
        steps: Another length than the task's own, in optimizer steps.
        epochs: The same in passes over the training data; at most one of the two.
        batch_size: Another batch size than the task's own.

    Raises:
        TaskError: If there is no such task, it cannot be loaded, or options do not belong to it.
        DataError: If its data cannot be read or are unfit.
    """
    table_options = {
        "target": target is not None,
        "kind": kind != "auto",
        "test_share": bool(test_share),
        "split_seed": bool(split_seed),
    }
    options = table_options | {"data_folder": data_folder is not None}
    given = tuple(option for option, is_given in options.items() if is_given)
    if python_file := PYTHON_FILE.fullmatch(text):
        _refuse(text, given, allowed=())
        found = task_or_function(Path(python_file["path"]).expanduser(), python_file["name"] or None)
        if not isinstance(found, Task):
            _refuse_length(text, epochs=epochs, batch_size=batch_size)
            return found
        task = found
    elif text.lower().endswith(TABLE_SUFFIXES):
        _refuse(text, given, allowed=tuple(table_options))
        task = _from_csv(Path(text).expanduser(), target, kind, test_share, split_seed)
    elif text in BUILTINS:
        _refuse(text, given, allowed=("data_folder",) if BUILTINS[text].reads_folder else ())
        task = BUILTINS[text].load(data_folder)
    else:
        raise _unknown(text)
    return _overridden(task, steps=steps, epochs=epochs, batch_size=batch_size)


def _from_csv(path: Path, target: str | None, kind: Kind, test_share: float, split_seed: int) -> Task:
    # Tables need pandas and scikit-learn, which take a second to load; other tasks do without.
    from surefoot.tasks.csv_file import read_csv  # noqa: PLC0415
    from surefoot.tasks.tabular_task import tabular_task  # noqa: PLC0415

    table = read_csv(path)
    try:
        return tabular_task(
            table, target=target, name=path.stem, kind=kind, test_share=test_share, split_seed=split_seed
        )
    except DataError as error:
        raise located(error, str(path)) from error


def _overridden(task: Task, *, steps: int | None, epochs: float | None, batch_size: int | None) -> Task:
    if batch_size is not None:
        task = replace(task, batch_size=batch_size)
    if steps is None and epochs is None:
        return task
    return task.with_length(steps=steps, epochs=epochs)


def _refuse_length(text: str, *, epochs: float | None, batch_size: int | None) -> None:
    given = {"epochs": epochs, "batch_size": batch_size}
    idle = [name for name, value in given.items() if value is not None]
    if idle:
        raise TaskError(
            f"{text}: {', '.join(idle)} cannot be given for a training function.",
            hint="its length is --steps; the function itself chooses its batches.",
        )


def _refuse(text: str, given: tuple[str, ...], *, allowed: tuple[str, ...]) -> None:
    """Raise where an option is given that means nothing to this kind of task."""
    idle = [option for option in given if option not in allowed]
    if idle:
        owner = {"data_folder": "fashion-mnist, whose data lie in files"}
        raise TaskError(
            f"{text}: {', '.join(idle)} cannot be given for it.",
            hint="; ".join(f"{option} is for {owner.get(option, 'CSV files')}" for option in idle) + ".",
        )


def _unknown(text: str) -> TaskError:
    names = ", ".join(BUILTINS)
    if text and Path(text).exists():
        return TaskError(f"{text}: neither a .py nor a .csv file.", hint=f"a task is {FORMS}: {names}.")
    alike = nearest(text, BUILTINS)
    return TaskError(f"there is no task {text!r}.", hint=f"{alike or f'a task is {FORMS}.'} Built-ins: {names}.")


load_task = load  # what the package calls it, where no module's name says what is loaded


def as_task(task: Task | str) -> Task:
    """Return a task that is given as one or by its text.

    Raises:
        TaskError: If it is neither, or cannot be loaded.
    """
    if isinstance(task, str):
        return load(task)
    if not isinstance(task, Task):
        raise TaskError(f"a task is a Task or its text ({FORMS}); given {type(task).__name__}.")
    return task
