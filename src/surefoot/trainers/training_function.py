"""A user's training function: loaded, checked, and called for one trial."""

from __future__ import annotations

import ast
import base64
import hashlib
import importlib
import inspect
import pickle
import runpy
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from surefoot.core.errors import TaskError
from surefoot.core.values import Json
from surefoot.tasks.seeding import draw_seed, seed_everything
from surefoot.tasks.user_code_errors import blame
from surefoot.tasks.user_file import found_in_file
from surefoot.trainers.trial import Trial
from surefoot.trainers.trial_reports import Report

TrainingFunction: TypeAlias = Callable[[Trial], Any]

# What a main module is called where it is loaded again: as multiprocessing calls it.
MAIN_AGAIN = "__mp_main__"
LAST_LINE = "end it with `return loss`, the validation loss as a number."


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call of a training function ended.

    Attributes:
        final: What it returned; ``None`` where it returned nothing.
        failure: Why it returned nothing that can be used, in one line, or ``None``.
    """

    final: Report | None = None
    failure: str | None = None


def require_training_function(function: Any, *, what: str | None = None) -> None:
    """Make sure that something can be called with a trial.

    Args:
        function: What should be a training function.
        what: What it is called in messages; its own name by default.

    Raises:
        TaskError: If it cannot.
    """
    if not callable(function):
        raise TaskError(
            f"{what or 'a training function'}: a function is needed, not a {type(function).__name__}.", hint=_FORM
        )
    what = what or name_of(function)
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise TaskError(f"{what} returns no loss: it is a coroutine or a generator.", hint=_FORM)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of a function in C, nobody knows
        return
    try:
        signature.bind(None)
    except TypeError:
        raise TaskError(f"{what}{signature} cannot be called with one argument, the trial.", hint=_FORM) from None


_FORM = "write `def train(trial): ...` and return the validation loss."


def name_of(function: Any) -> str:
    """Return what a training function is called.

    Example:
        >>> name_of(partial(require_training_function))
        'require_training_function'
    """
    own = _unwrapped(function)
    return str(getattr(own, "__qualname__", None) or type(own).__qualname__)


def file_of(function: Any) -> Path | None:
    """Return the file that a training function is written in; ``None`` where there is none."""
    own = _unwrapped(function)
    with suppress(TypeError, OSError):
        path = Path(inspect.getfile(own if inspect.isroutine(own) else type(own)))
        return path if path.is_file() else None
    return None


def code_hash(path: Path | None) -> str | None:
    """Return what changes when the code in a file does: not for a comment, and not for a blank line."""
    if path is None:
        return None
    try:
        text = ast.dump(ast.parse(path.read_bytes()))
    except (OSError, SyntaxError, ValueError):
        return None
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def call_function(function: TrainingFunction, trial: Trial) -> Ending:
    """Call a training function for one trial, with everything random seeded as a fleet's member is."""
    name, path = name_of(function), file_of(function)
    seed_everything(draw_seed(trial.seed, "initialisation"))
    try:
        returned = function(trial)
    except (Exception, SystemExit) as error:
        return Ending(failure=f"{name} raised {blame(error, folder=path.resolve().parent if path else None)}.")
    if returned is None:
        return Ending()
    try:
        return Ending(final=Report.of_returned(returned))
    except TaskError as error:
        return Ending(failure=f"what {name} returned is no loss: {error} Hint: {LAST_LINE}")


def function_reference(function: TrainingFunction) -> dict[str, Json]:
    """Return where another process finds a function: its module and name, or a pickle that holds such references.

    Raises:
        TaskError: If no other process can find it.
    """
    own: dict[str, Json]
    if inspect.isfunction(function):
        if "<" in function.__qualname__:
            raise TaskError(f"{name_of(function)}: worker processes cannot load it.", hint=_TOP_LEVEL)
        own, text = {"module": function.__module__, "name": function.__qualname__}, function.__module__.encode()
    else:
        try:
            text = pickle.dumps(function)
        except Exception as error:
            raise TaskError(
                f"{name_of(function)}: worker processes cannot load it: {error}.", hint=_TOP_LEVEL
            ) from None
        own = {"pickle": base64.b64encode(text).decode()}
    # Modules that no import finds: the files that were run by found_in_file, and the program itself.
    files = {
        str(module.__file__)
        for name, module in [*sys.modules.items()]
        if name.startswith("surefoot_task_") and name.encode() in text
    }
    return own | {"files": [*sorted(files)], "main": _main_reference() if b"__main__" in text else None}


_TOP_LEVEL = "define it at the top level of a Python file, or do without workers."


def function_from(reference: dict[str, Any]) -> TrainingFunction:
    """Return the function that a reference stands for, in another process than it was made in.

    Raises:
        Exception: Whatever the user's files raise when they are run.
    """
    for file in reference["files"]:
        sys.path.insert(0, str(Path(file).parent))
        found_in_file(Path(file), "__name__")  # runs it as a module; every module has a name
    if reference["main"] is not None:
        _run_main(**reference["main"])
    if "pickle" in reference:
        return pickle.loads(base64.b64decode(reference["pickle"]))  # type: ignore[no-any-return]  # noqa: S301  (from our parent)
    return attrgetter(reference["name"])(importlib.import_module(reference["module"]))  # type: ignore[no-any-return]


def _main_reference() -> dict[str, Json]:
    """Return where the program itself is found.

    Raises:
        TaskError: If it is a notebook or an interactive session.
    """
    main = sys.modules["__main__"]
    if (spec := getattr(main, "__spec__", None)) is not None:
        return {"module": str(spec.name), "file": None}
    file = getattr(main, "__file__", None)
    if file is None or not Path(file).is_file():
        raise TaskError("worker processes cannot load what is defined in a notebook or a session.", hint=_TOP_LEVEL)
    return {"module": None, "file": str(Path(file).resolve())}


def _run_main(*, module: str | None, file: str | None) -> None:
    """Load the program once more, as a module: what it guards by ``if __name__ == "__main__"`` does not run."""
    again = ModuleType(MAIN_AGAIN)
    content = (
        runpy.run_module(module, run_name=MAIN_AGAIN, alter_sys=True)
        if module is not None
        else runpy.run_path(str(file), run_name=MAIN_AGAIN)
    )
    again.__dict__.update(content)
    sys.modules["__main__"] = sys.modules[MAIN_AGAIN] = again


def _unwrapped(function: Any) -> Any:
    while isinstance(function, partial):
        function = function.func
    return function
