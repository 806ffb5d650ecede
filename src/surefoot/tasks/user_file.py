"""A Task out of a user's Python file."""

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

from surefoot.core.errors import SurefootError, TaskError, nearest
from surefoot.tasks.task import Task
from surefoot.tasks.user_code_errors import blame, located, place

# What a file defines does nothing by itself when the file is loaded.
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def task_or_function(path: Path, name: str | None = None) -> Task | Callable[[Any], Any]:
    """Run a Python file and return the task of that name in it, or the training function.

    The file is run afresh each time, with its own folder first on ``sys.path``, so that it can import its siblings;
    these are imported once a process, as all modules are. What can be called with one argument is a training function
    and is not called here; what takes none makes a Task, and is called where it can be seen to.

    Args:
        path: The file.
        name: A Task in it, a function without arguments that returns one, or a training function; may be left out
            where there is one Task only.

    Raises:
        TaskError: If the file is missing or raises, has no such name, or what bears it is neither.
    """
    path = _existing(path)
    if name is None:
        _refuse_script(path)
    with _first_on_path(path.parent):
        module = _run(path)
        name = name or _only_task(path, module)
        found = getattr(module, name, None)
        if found is None:
            alike = nearest(name, _of_the_user(module))
            raise TaskError(f"{path.name} has no {name!r}.", hint=f"{alike or ''} {_listed(module)}".strip())
        task = found
        if not isinstance(found, Task | nn.Module) and callable(found):
            if takes_trial(found):
                return found  # type: ignore[no-any-return]  # whatever a user's file holds
            _require_maker(path, name, found, module)
            task = _guarded(path, found, f"{name}()")
    if not isinstance(task, Task):
        raise TaskError(
            f"{path.name}: {name!r} is neither a Task nor a training function; its type is {type(task).__name__}.",
            hint=f"{_FORM} {_listed(module)}",
        )
    return task


_FORM = "give a Task, a function without arguments that returns one, or a training function of one argument, a trial."


def _refuse_script(path: Path) -> None:
    """Make sure that a file which is not asked for by a name in it does not train as soon as it is run.

    Raises:
        TaskError: If it asks for a trial, as a script does, and not only where it is the main program.
    """
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # what is wrong is said when it is run
        return
    if _trains_when_loaded(tree):
        raise TaskError(
            f"{path.name} is a script: it trains as soon as it is run.",
            hint=f"give its command after two dashes: surefoot tune -- python {path.name}.",
        )


def _trains_when_loaded(tree: ast.Module) -> bool:
    """Tell whether loading a file calls ``surefoot.trial``, by itself or through functions of the file."""
    nodes = [*ast.walk(tree)]
    modules = {
        alias.asname or alias.name
        for node in nodes
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "surefoot"
    }
    asking = {
        alias.asname or alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module == "surefoot"
        for alias in node.names
        if alias.name == "trial"
    }

    def asks(part: ast.AST) -> bool:
        called = (node.func for node in ast.walk(part) if isinstance(node, ast.Call))
        return any(
            getattr(one, "id", None) in asking
            or (getattr(one, "attr", None) == "trial" and getattr(getattr(one, "value", None), "id", None) in modules)
            for one in called
        )

    functions = [part for part in tree.body if isinstance(part, ast.FunctionDef)]
    for _ in functions:  # as often as one can call another
        asking |= {function.name for function in functions if asks(function)}
    return any(asks(part) for part in tree.body if not isinstance(part, DEFINITIONS) and not _is_main_guard(part))


def _is_main_guard(statement: ast.stmt) -> bool:
    """Tell whether a statement is ``if __name__ == ...``: what stands under it is not run when the file is loaded."""
    return isinstance(statement, ast.If) and any(
        getattr(node, "id", None) == "__name__" for node in ast.walk(statement.test)
    )


def takes_trial(found: Any) -> bool:
    """Tell whether something has the form of a training function: it must be given one argument, or may be given one.

    Example:
        >>> takes_trial(lambda trial: 0.0), takes_trial(lambda: 0.0), takes_trial(lambda x, y: 0.0)
        (True, False, False)
    """
    try:
        signature = inspect.signature(found)
        signature.bind(None)
    except (TypeError, ValueError):
        return False
    return not isinstance(found, type) and "Task" not in str(signature.return_annotation)


def _require_maker(path: Path, name: str, found: Any, module: ModuleType) -> None:
    """Make sure that a function can be seen to make a Task before it is called: a training is not to be run unasked.

    Raises:
        TaskError: If it cannot.
    """
    try:
        signature = inspect.signature(found)
        signature.bind()
    except TypeError:
        raise TaskError(
            f"{path.name}: {name}{signature} takes neither one argument, a trial, nor none.", hint=_FUNCTION
        ) from None
    except ValueError:
        return
    knows_task = any(value is Task or getattr(value, "__name__", "") == "surefoot" for value in vars(module).values())
    if not knows_task and "Task" not in str(signature.return_annotation):
        raise TaskError(
            f"{path.name}: {name}{signature} takes no trial, and nothing says that it returns a Task.",
            hint=f"{_FUNCTION} For a function that makes a Task, annotate it: `def {name}() -> Task`.",
        )


_FUNCTION = "a training function is `def train(trial): ...`, which returns the validation loss."


def found_in_file(path: Path, name: str) -> Any:
    """Run a Python file and return whatever bears a name in it.

    Raises:
        TaskError: If the file is missing or raises, or has no such name.
    """
    path = _existing(path)
    with _first_on_path(path.parent):
        module = _run(path)
    if not hasattr(module, name):
        raise TaskError(f"{path.name} has no {name!r}.", hint=nearest(name, _of_the_user(module)))
    return getattr(module, name)


def _of_the_user(module: ModuleType) -> list[str]:
    """Return the names in a file that may be meant, without those of modules it imports."""
    return [
        name for name, value in vars(module).items() if not name.startswith("_") and not isinstance(value, ModuleType)
    ]


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise TaskError(f"{path}: there is no such file.", hint=_files_beside(path))
    return path.resolve()


def _run(path: Path) -> ModuleType:
    # A name that is the same in every process, so that what the file defines can be pickled.
    module = ModuleType(f"surefoot_task_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        _guarded(path, lambda: _execute(path, module), "the file")
    except TaskError:
        del sys.modules[module.__name__]
        raise
    return module


def _execute(path: Path, module: ModuleType) -> None:
    # Compiled, not imported: an edited file is never taken from an old bytecode file, and none is left behind.
    code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    exec(code, module.__dict__)  # noqa: S102  (to run the user's own code is what the user asks for)


def _guarded(path: Path, action: Callable[[], Any], what: str) -> Any:
    """Return what the user's code returns; make one line of what it raises. What it prints is no output of ours."""
    try:
        with redirect_stdout(sys.stderr):
            return action()
    except TaskError as error:
        raise located(error, place(error, folder=path.parent) or path.name) from error
    except SurefootError as error:
        raise TaskError(f"{place(error, folder=path.parent) or path.name}: {error}") from error
    except (Exception, SystemExit) as error:
        raise TaskError(
            f"{path.name}: {what} raised {blame(error, folder=path.parent)}.",
            hint=f"run python {path.name} to see more.",
        ) from error


@contextmanager
def _first_on_path(folder: Path) -> Iterator[None]:
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
    """Return the names of the tasks in the file: instances, and the file's own functions annotated to return one."""
    return [name for name, value in vars(module).items() if isinstance(value, Task) or _makes_task(value, module)]


def _makes_task(value: Any, module: ModuleType) -> bool:
    if not inspect.isfunction(value) or value.__module__ != module.__name__ or inspect.signature(value).parameters:
        return False
    return value.__annotations__.get("return") in (Task, "Task")


def _listed(module: ModuleType) -> str:
    names = _tasks(module)
    return f"Tasks there: {', '.join(names)}." if names else "There is no Task in the file."


def _files_beside(path: Path) -> str:
    files = sorted(file.name for file in path.parent.glob("*.py")) if path.parent.is_dir() else []
    alike = nearest(path.name, files)
    return alike or (f"Python files there: {', '.join(files[:5])}." if files else "check the path.")
