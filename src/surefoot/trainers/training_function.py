"""Check a user's training function, call it for a trial, and make references that other processes can load."""

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
from surefoot.core.value_types import Json
from surefoot.tasks.seeding import derive_seed, seed_everything
from surefoot.tasks.user_code_errors import locate_error
from surefoot.tasks.user_file import object_from_file
from surefoot.trainers.trial import Trial
from surefoot.trainers.trial_reports_and_output import Report

TrainingFunction: TypeAlias = Callable[[Trial], Any]

# Name of the main module where a worker loads it again; multiprocessing uses the same name.
RELOADED_MAIN_NAME = "__mp_main__"
# Hint for functions that return no loss.
RETURN_HINT = "end it with `return loss`, the validation loss as a number."


@dataclass(frozen=True, slots=True)
class CallResult:
    """The result of a call of a training function.

    Attributes:
        final: Report of the returned loss; ``None`` where the function returned ``None`` or failed.
        failure: Why there is no loss, in one line; ``None`` where the call did not fail.
    """

    final: Report | None = None
    failure: str | None = None


def require_training_function(function: Any, *, what: str | None = None) -> None:
    """Check that an object can be called with a trial.

    Args:
        function: The object.
        what: Its name in messages; the function's name by default.

    Raises:
        TaskError: If it cannot.
    """
    if not callable(function):
        raise TaskError(
            f"{what or 'a training function'} must be a function; given {type(function).__name__}.",
            hint=_FUNCTION_HINT,
        )
    what = what or function_name(function)
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise TaskError(f"{what} cannot return a loss: it is a coroutine or a generator.", hint=_FUNCTION_HINT)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # functions in C have no signature
        return
    try:
        signature.bind(None)
    except TypeError:
        raise TaskError(
            f"{what}{signature} must be callable with one argument, the trial.", hint=_FUNCTION_HINT
        ) from None


_FUNCTION_HINT = "write `def train(trial): ...` and return the validation loss."


def function_name(function: Any) -> str:
    """Return the name of a training function.

    Example:
        >>> function_name(partial(require_training_function))
        'require_training_function'
    """
    inner = _unwrapped(function)
    return str(getattr(inner, "__qualname__", None) or type(inner).__qualname__)


def function_file(function: Any) -> Path | None:
    """Return the file in which a training function is defined; ``None`` where there is none."""
    inner = _unwrapped(function)
    with suppress(TypeError, OSError):
        path = Path(inspect.getfile(inner if inspect.isroutine(inner) else type(inner)))
        return path if path.is_file() else None
    return None


def code_hash(path: Path | None) -> str | None:
    """Return a hash of the code in a file, without comments and blank lines; ``None`` where there is no Python code."""
    if path is None:
        return None
    try:
        text = ast.dump(ast.parse(path.read_bytes()))
    except (OSError, SyntaxError, ValueError):
        return None
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def call_function(function: TrainingFunction, trial: Trial) -> CallResult:
    """Call a training function for one trial, with the global generators seeded as for a member of a fleet."""
    name, path = function_name(function), function_file(function)
    seed_everything(derive_seed(trial.seed, "initialisation"))
    try:
        returned = function(trial)
    except (Exception, SystemExit) as error:
        return CallResult(
            failure=f"{name} raised {locate_error(error, folder=path.resolve().parent if path else None)}."
        )
    if returned is None:
        return CallResult()
    try:
        return CallResult(final=Report.of_returned(returned))
    except TaskError as error:
        return CallResult(failure=f"{name} returned no loss: {error} Hint: {RETURN_HINT}")


def function_reference(function: TrainingFunction) -> dict[str, Json]:
    """Return a reference from which another process can load a function: module and name, or a pickle.

    Raises:
        TaskError: If other processes cannot load it.
    """
    reference: dict[str, Json]
    if inspect.isfunction(function):
        if "<" in function.__qualname__:
            raise TaskError(f"{function_name(function)}: worker processes cannot load it.", hint=_TOP_LEVEL_HINT)
        reference, text = {"module": function.__module__, "name": function.__qualname__}, function.__module__.encode()
    else:
        try:
            text = pickle.dumps(function)
        except Exception as error:
            raise TaskError(
                f"{function_name(function)}: worker processes cannot load it: {error}.", hint=_TOP_LEVEL_HINT
            ) from None
        reference = {"pickle": base64.b64encode(text).decode()}
    # Modules that cannot be imported: files that were run by object_from_file, and the main program.
    files = {
        str(module.__file__)
        for name, module in [*sys.modules.items()]
        if name.startswith("surefoot_task_") and name.encode() in text
    }
    return reference | {"files": [*sorted(files)], "main": _main_reference() if b"__main__" in text else None}


_TOP_LEVEL_HINT = "define it at the top level of a Python file, or use no workers."


def load_function(reference: dict[str, Any]) -> TrainingFunction:
    """Load the function of a reference, in another process than the one that made the reference.

    Raises:
        Exception: Any exception that the user's files raise when they are run.
    """
    for file in reference["files"]:
        sys.path.insert(0, str(Path(file).parent))
        object_from_file(Path(file), "__name__")  # this runs the file as a module; every module has a __name__
    if reference["main"] is not None:
        _reload_main(**reference["main"])
    if "pickle" in reference:
        return pickle.loads(base64.b64decode(reference["pickle"]))  # type: ignore[no-any-return]  # noqa: S301  (from our parent)
    return attrgetter(reference["name"])(importlib.import_module(reference["module"]))  # type: ignore[no-any-return]


def _main_reference() -> dict[str, Json]:
    """Return a reference to the main program.

    Raises:
        TaskError: If it is a notebook or an interactive session.
    """
    main = sys.modules["__main__"]
    if (spec := getattr(main, "__spec__", None)) is not None:
        return {"module": str(spec.name), "file": None}
    file = getattr(main, "__file__", None)
    if file is None or not Path(file).is_file():
        raise TaskError(
            "worker processes cannot load functions that are defined in a notebook or an interactive session.",
            hint=_TOP_LEVEL_HINT,
        )
    return {"module": None, "file": str(Path(file).resolve())}


def _reload_main(*, module: str | None, file: str | None) -> None:
    """Load the main program again as a module, so that code under ``if __name__ == "__main__"`` does not run."""
    main = ModuleType(RELOADED_MAIN_NAME)
    content = (
        runpy.run_module(module, run_name=RELOADED_MAIN_NAME, alter_sys=True)
        if module is not None
        else runpy.run_path(str(file), run_name=RELOADED_MAIN_NAME)
    )
    main.__dict__.update(content)
    sys.modules["__main__"] = sys.modules[RELOADED_MAIN_NAME] = main


def _unwrapped(function: Any) -> Any:
    while isinstance(function, partial):
        function = function.func
    return function
