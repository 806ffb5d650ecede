"""Where in the user's own code an exception came from, in one line.

Telling that memory ran out.
"""

from __future__ import annotations

import traceback
from pathlib import Path

import torch

from surefoot.core.errors import TaskError

INSTALLED = ("site-packages", "dist-packages")
OURS = ("surefoot/tasks", "surefoot\\tasks", "surefoot/trainers", "surefoot\\trainers")
NOT_THE_USERS = (*INSTALLED, *OURS, "<frozen", "<string>")
MESSAGE_LENGTH = 200


def blame(error: BaseException, *, folder: Path | None = None) -> str:
    """Return the exception's type and the first line of its message, with file and line where they are known.

    Args:
        error: What the user's code raised.
        folder: Where the user's files lie; without it, the innermost frame outside installed packages counts.

    Example:
        >>> blame(ValueError("no such layer"))
        'ValueError: no such layer'
    """
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    message = line if len(line) <= MESSAGE_LENGTH else line[: MESSAGE_LENGTH - 1] + "…"
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    where = place(error, folder=folder)
    return f"{text} ({where})" if where else text


def located(error: TaskError, where: str) -> TaskError:
    """Return the same error, saying also where it arose.

    Example:
        >>> located(TaskError("no such column.", hint="see the first line."), "wine.csv")
        TaskError('wine.csv: no such column. Hint: see the first line.')
    """
    told = type(error)(f"{where}: {error}")
    told.hint = error.hint
    return told


def place(error: BaseException, *, folder: Path | None = None) -> str | None:
    """Return ``file.py, line 12`` of the innermost frame in the user's code; ``None`` when no frame is theirs."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if _is_users(frame.filename, folder):
            return f"{Path(frame.filename).name}, line {frame.lineno}"
    return None


def _is_users(filename: str, folder: Path | None) -> bool:
    if folder is not None:
        # An environment may lie in the user's own folder.
        path = Path(filename)
        return path.is_relative_to(folder) and not {*INSTALLED}.intersection(path.relative_to(folder).parts)
    return not any(part in filename for part in NOT_THE_USERS)


_SIGNS = ("DefaultCPUAllocator", "not enough memory", "out of memory", "Cannot allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that there was no memory left; on the CPU torch has no type for it.

    Example:
        >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("shapes do not match"))
        (True, False)
    """
    said = str(error)
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(sign in said for sign in _SIGNS)
