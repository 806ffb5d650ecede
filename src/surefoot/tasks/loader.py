"""Load a task, or a training function, by the text that names it on the command line."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from surefoot.core.errors import DataError, TaskError, did_you_mean
from surefoot.tasks.builtin import BUILTINS
from surefoot.tasks.task import Task
from surefoot.tasks.user_code_errors import with_location
from surefoot.tasks.user_file import task_or_function_from_file

if TYPE_CHECKING:
    from surefoot.tasks.tabular_task import TargetKind

PYTHON_FILE = re.compile(r"(?P<path>.+\.py)(:(?P<name>[^:/\\]*))?", re.IGNORECASE)
TABLE_SUFFIXES = (".csv", ".tsv")
TASK_FORMS = "FILE.py:NAME (a Task or a training function), FILE.csv with --target COLUMN, or a built-in"


class TaskOptions(TypedDict, total=False):
    """The keyword arguments of :func:`load_task_or_function`, where they are documented."""

    target: str | None
    kind: TargetKind
    test_share: float
    split_seed: int
    data_folder: Path | None
    steps: int | None
    epochs: float | None
    batch_size: int | None


def load_task(text: str, **options: Unpack[TaskOptions]) -> Task:
    """Return the task that a text names. The arguments are those of :func:`load_task_or_function`.

    Raises:
        TaskError: If there is no such task, it cannot be loaded, or an option does not apply to it.
        DataError: If its data cannot be read or used.

    Example:
        >>> load_task("digits", steps=100).total_steps
        100
    """
    loaded = load_task_or_function(text, **options)
    if not isinstance(loaded, Task):
        raise TaskError(f"{text} is a training function; a Task is needed here.", hint=f"a task is {TASK_FORMS}.")
    return loaded


def load_task_or_function(
    text: str,
    *,
    target: str | None = None,
    kind: TargetKind = "auto",
    test_share: float = 0.0,
    split_seed: int = 0,
    data_folder: Path | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int | None = None,
) -> Task | Callable[[Any], Any]:
    """Return the task or the training function that a text names; a training function is not called.

    Args:
        text: ``path/to/file.py:name``, ``data.csv`` (or ``.tsv``), or the name of a built-in task.
        target: Column of a CSV file to predict.
        kind: Type of a CSV file's target: ``classification``, ``regression``, or ``auto`` to detect it.
        test_share: Share of a CSV file's rows that become test data.
        split_seed: Seed of the split of a CSV file.
        data_folder: Folder of the data files of a built-in task that has some (``fashion-mnist``).
        steps: Length of a full training in optimizer steps, instead of the task's own.
        epochs: Length of a full training in passes over the training data; at most one of the two is given.
        batch_size: Batch size, instead of the task's own.

    Raises:
        TaskError: If there is no such task, it cannot be loaded, or an option does not apply to it.
        DataError: If its data cannot be read or used.
    """
    table_options = {
        "target": target is not None,
        "kind": kind != "auto",
        "test_share": bool(test_share),
        "split_seed": bool(split_seed),
    }
    options = table_options | {"data_folder": data_folder is not None}
    set_options = tuple(option for option, is_set in options.items() if is_set)
    if python_file := PYTHON_FILE.fullmatch(text):
        _reject_options(text, set_options, allowed=())
        loaded = task_or_function_from_file(Path(python_file["path"]).expanduser(), python_file["name"] or None)
        if not isinstance(loaded, Task):
            _reject_length_options(text, epochs=epochs, batch_size=batch_size)
            return loaded
        task = loaded
    elif text.lower().endswith(TABLE_SUFFIXES):
        _reject_options(text, set_options, allowed=tuple(table_options))
        task = _from_csv(
            Path(text).expanduser(), target=target, kind=kind, test_share=test_share, split_seed=split_seed
        )
    elif text in BUILTINS:
        _reject_options(text, set_options, allowed=("data_folder",) if BUILTINS[text].reads_folder else ())
        task = BUILTINS[text].load(data_folder)
    else:
        raise _unknown_task(text)
    return _with_overrides(task, steps=steps, epochs=epochs, batch_size=batch_size)


def _from_csv(path: Path, *, target: str | None, kind: TargetKind, test_share: float, split_seed: int) -> Task:
    # Tables need pandas and scikit-learn, whose import takes a second; other tasks do not.
    from surefoot.tasks.csv_file import read_csv  # noqa: PLC0415
    from surefoot.tasks.tabular_task import tabular_task  # noqa: PLC0415

    table = read_csv(path)
    try:
        return tabular_task(
            table, target=target, name=path.stem, kind=kind, test_share=test_share, split_seed=split_seed
        )
    except DataError as error:
        raise with_location(error, str(path)) from error


def _with_overrides(task: Task, *, steps: int | None, epochs: float | None, batch_size: int | None) -> Task:
    if batch_size is not None:
        task = replace(task, batch_size=batch_size)
    if steps is None and epochs is None:
        return task
    return task.with_length(steps=steps, epochs=epochs)


def _reject_length_options(text: str, *, epochs: float | None, batch_size: int | None) -> None:
    values = {"epochs": epochs, "batch_size": batch_size}
    not_allowed = [name for name, value in values.items() if value is not None]
    if not_allowed:
        raise TaskError(
            f"{text}: {', '.join(not_allowed)} cannot be given for a training function.",
            hint="give its length by --steps; the function chooses its batches itself.",
        )


def _reject_options(text: str, set_options: tuple[str, ...], *, allowed: tuple[str, ...]) -> None:
    """Raise an error if an option is given that does not apply to this task."""
    not_allowed = [option for option in set_options if option not in allowed]
    if not_allowed:
        applies_to = {"data_folder": "fashion-mnist, whose data are in files"}
        raise TaskError(
            f"{text}: {', '.join(not_allowed)} cannot be given for this task.",
            hint="; ".join(f"{option} is for {applies_to.get(option, 'CSV files')}" for option in not_allowed) + ".",
        )


def _unknown_task(text: str) -> TaskError:
    names = ", ".join(BUILTINS)
    if text and Path(text).exists():
        return TaskError(f"{text} is neither a .py nor a .csv file.", hint=f"a task is {TASK_FORMS}: {names}.")
    alike = did_you_mean(text, BUILTINS)
    return TaskError(f"there is no task {text!r}.", hint=f"{alike or f'a task is {TASK_FORMS}.'} Built-ins: {names}.")


def as_task(task: Task | str) -> Task:
    """Return a task that is given as a Task or by the text that names it.

    Raises:
        TaskError: If it is neither of the two, or cannot be loaded.
    """
    if isinstance(task, str):
        return load_task(task)
    if not isinstance(task, Task):
        raise TaskError(f"a task must be a Task or a text ({TASK_FORMS}); given {type(task).__name__}.")
    return task
