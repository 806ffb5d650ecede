"""Load a Task, a training function or another object from a user's Python file."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from surefoot.core.errors import SurefootError, TaskError, did_you_mean
from surefoot.tasks.task import Task
from surefoot.tasks.user_code_errors import error_location, locate_error, with_location

# Statements that run no code of the file when it is loaded.
DEFINITION_NODES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def task_or_function_from_file(path: Path, name: str | None = None) -> Task | Callable[[Any], Any]:
    """Run a Python file and return the task or the training function that has the given name in it.

    The file is run again each time, with its folder first on ``sys.path``, so that it can import its neighbours; these
    are imported once in a process, as all modules are. A function that can be called with one argument is a training
    function and is not called here. A function without arguments must return a Task, and is called if its annotation
    or the file's imports show that it does.

    Args:
        path: The file.
        name: Name of a Task, of a function without arguments that returns one, or of a training function; optional
            where the file has exactly one Task.

    Raises:
        TaskError: If the file is missing or raises, has no such name, or the object is neither of these.
    """
    path = _require_file(path)
    if name is None:
        _reject_script(path)
    with _folder_on_path(path.parent):
        module = _run_file(path)
        name = name or _only_task(path, module)
        named = getattr(module, name, None)
        if named is None:
            alike = did_you_mean(name, _user_names(module))
            raise TaskError(f"{path.name} has no {name!r}.", hint=f"{alike or ''} {_task_list(module)}".strip())
        task = named
        if not isinstance(named, Task | nn.Module) and callable(named):
            if takes_trial(named):
                return named  # type: ignore[no-any-return]  # an object of the user's file
            _require_task_factory(path, name, named, module)
            task = _call_user_code(path, named, f"{name}()")
    if not isinstance(task, Task):
        raise TaskError(
            f"{path.name}: {name!r} is neither a Task nor a training function; given {type(task).__name__}.",
            hint=f"{_ALLOWED_OBJECTS} {_task_list(module)}",
        )
    return task


_ALLOWED_OBJECTS = (
    "give a Task, a function without arguments that returns one, or a training function that takes a trial."
)


def _reject_script(path: Path) -> None:
    """Check that a file, of which no object is named, does not start training when it is loaded.

    Raises:
        TaskError: If it calls ``surefoot.trial`` as a script does, outside of ``if __name__ == "__main__"``.
    """
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # reported when the file is run
        return
    if _trains_when_loaded(tree):
        raise TaskError(
            f"{path.name} is a script: it trains as soon as it is loaded.",
            hint=f"give its command after two dashes: surefoot tune -- python {path.name}.",
        )


def _trains_when_loaded(tree: ast.Module) -> bool:
    """Return whether loading a file calls ``surefoot.trial``, directly or through functions of the file."""
    nodes = [*ast.walk(tree)]
    modules = {
        alias.asname or alias.name
        for node in nodes
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "surefoot"
    }
    trial_names = {
        alias.asname or alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module == "surefoot"
        for alias in node.names
        if alias.name == "trial"
    }

    def calls_trial(node: ast.AST) -> bool:
        called = (call.func for call in ast.walk(node) if isinstance(call, ast.Call))
        return any(
            getattr(function, "id", None) in trial_names
            or (
                getattr(function, "attr", None) == "trial"
                and getattr(getattr(function, "value", None), "id", None) in modules
            )
            for function in called
        )

    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    for _ in functions:  # a chain of calls is at most as long as there are functions
        trial_names |= {function.name for function in functions if calls_trial(function)}
    return any(
        calls_trial(node) for node in tree.body if not isinstance(node, DEFINITION_NODES) and not _is_main_guard(node)
    )


def _is_main_guard(statement: ast.stmt) -> bool:
    """Return whether a statement is ``if __name__ == ...``, whose body does not run when the file is loaded."""
    return isinstance(statement, ast.If) and any(
        getattr(node, "id", None) == "__name__" for node in ast.walk(statement.test)
    )


def takes_trial(function: Any) -> bool:
    """Return whether an object has the signature of a training function: it can be called with one argument.

    Example:
        >>> takes_trial(lambda trial: 0.0), takes_trial(lambda: 0.0), takes_trial(lambda x, y: 0.0)
        (True, False, False)
    """
    try:
        signature = inspect.signature(function)
        signature.bind(None)
    except (TypeError, ValueError):
        return False
    return not isinstance(function, type) and "Task" not in str(signature.return_annotation)


def _require_task_factory(path: Path, name: str, function: Any, module: ModuleType) -> None:
    """Check that a function returns a Task before it is called, so that no training is started by mistake.

    Raises:
        TaskError: If neither its annotation nor the imports of its file show that it does.
    """
    try:
        signature = inspect.signature(function)
        signature.bind()
    except TypeError:
        raise TaskError(
            f"{path.name}: {name}{signature} must take one argument (a trial) or none.", hint=_FUNCTION_HINT
        ) from None
    except ValueError:
        return
    knows_task = any(value is Task or getattr(value, "__name__", "") == "surefoot" for value in vars(module).values())
    if not knows_task and "Task" not in str(signature.return_annotation):
        raise TaskError(
            f"{path.name}: {name}{signature} takes no trial, and nothing shows that it returns a Task.",
            hint=f"{_FUNCTION_HINT} Annotate a function that returns a Task: `def {name}() -> Task`.",
        )


_FUNCTION_HINT = "a training function is `def train(trial): ...`, which returns the validation loss."


def object_from_file(path: Path, name: str) -> Any:
    """Run a Python file and return the object of a given name in it.

    Raises:
        TaskError: If the file is missing or raises, or has no such name.
    """
    path = _require_file(path)
    with _folder_on_path(path.parent):
        module = _run_file(path)
    if not hasattr(module, name):
        raise TaskError(f"{path.name} has no {name!r}.", hint=did_you_mean(name, _user_names(module)))
    return getattr(module, name)


def _user_names(module: ModuleType) -> list[str]:
    """Return the public names in a file, without those of imported modules."""
    return [
        name for name, value in vars(module).items() if not name.startswith("_") and not isinstance(value, ModuleType)
    ]


def _require_file(path: Path) -> Path:
    if not path.is_file():
        raise TaskError(f"{path}: the file does not exist.", hint=_suggest_files(path))
    return path.resolve()


def _run_file(path: Path) -> ModuleType:
    # The name is the same in every process, so that objects of the file can be pickled.
    module = ModuleType(f"surefoot_task_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        _call_user_code(path, lambda: _execute(path, module), "the file")
    except TaskError:
        del sys.modules[module.__name__]
        raise
    return module


def _execute(path: Path, module: ModuleType) -> None:
    # Compiled, not imported, so that no old bytecode of an edited file is used, and none is written.
    code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    exec(code, module.__dict__)  # noqa: S102  (running the user's code is what the user asks for)


def _call_user_code(path: Path, action: Callable[[], Any], what: str) -> Any:
    """Return what the user's code returns; turn its exceptions into TaskErrors, and print its output to stderr."""
    try:
        with redirect_stdout(sys.stderr):
            return action()
    except TaskError as error:
        raise with_location(error, error_location(error, folder=path.parent) or path.name) from error
    except SurefootError as error:
        raise TaskError(f"{error_location(error, folder=path.parent) or path.name}: {error}") from error
    except (Exception, SystemExit) as error:
        raise TaskError(
            f"{path.name}: {what} raised {locate_error(error, folder=path.parent)}.",
            hint=f"run python {path.name} for the full traceback.",
        ) from error


@contextmanager
def _folder_on_path(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _only_task(path: Path, module: ModuleType) -> str:
    names = _tasks(module)
    if len(names) == 1:
        return names[0]
    count = f"{len(names)} tasks" if names else "no Task"
    choice = (
        ", ".join(f"{path.name}:{name}" for name in names)
        or f"{path.name}:NAME of a Task, of a function that returns one, or of a training function; "
        f"for a script, surefoot tune -- python {path.name}"
    )
    raise TaskError(f"{path.name} holds {count}.", hint=f"write {choice}.")


def _tasks(module: ModuleType) -> list[str]:
    """Return the names of the tasks in a file: instances, and functions defined in it that are annotated as such."""
    return [name for name, value in vars(module).items() if isinstance(value, Task) or _makes_task(value, module)]


def _makes_task(value: Any, module: ModuleType) -> bool:
    if not inspect.isfunction(value) or value.__module__ != module.__name__ or inspect.signature(value).parameters:
        return False
    return value.__annotations__.get("return") in (Task, "Task")


def _task_list(module: ModuleType) -> str:
    names = _tasks(module)
    return f"Tasks in the file: {', '.join(names)}." if names else "The file has no Task."


def _suggest_files(path: Path) -> str:
    files = sorted(file.name for file in path.parent.glob("*.py")) if path.parent.is_dir() else []
    alike = did_you_mean(path.name, files)
    return alike or (f"Python files in that folder: {', '.join(files[:5])}." if files else "check the path.")
