"""One-line messages about exceptions from the user's code, with file and line, and whether memory ran out."""

from __future__ import annotations

import traceback
from pathlib import Path

import torch

from surefoot.core.errors import TaskError

# Parts of file names that do not belong to the user.
PACKAGE_FOLDERS = ("site-packages", "dist-packages")
SUREFOOT_FOLDERS = ("surefoot/tasks", "surefoot\\tasks", "surefoot/trainers", "surefoot\\trainers")
NOT_USER_CODE = (*PACKAGE_FOLDERS, *SUREFOOT_FOLDERS, "<frozen", "<string>")
# Maximum length of an exception's message that is quoted; chosen.
MAX_MESSAGE_LENGTH = 200


def locate_error(error: BaseException, *, folder: Path | None = None) -> str:
    """Return the exception's type and the first line of its message, with file and line where they are known.

    Args:
        error: The exception that the user's code raised.
        folder: Folder of the user's files; by default all files count that belong to no installed package.

    Example:
        >>> locate_error(ValueError("no such layer"))
        'ValueError: no such layer'
    """
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    message = line if len(line) <= MAX_MESSAGE_LENGTH else line[: MAX_MESSAGE_LENGTH - 1] + "…"
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    location = error_location(error, folder=folder)
    return f"{text} ({location})" if location else text


def with_location(error: TaskError, location: str) -> TaskError:
    """Return the same error with a location in front of its message.

    Example:
        >>> with_location(TaskError("no such column.", hint="see the first line."), "wine.csv")
        TaskError('wine.csv: no such column. Hint: see the first line.')
    """
    located = type(error)(f"{location}: {error}")
    located.hint = error.hint
    return located


def error_location(error: BaseException, *, folder: Path | None = None) -> str | None:
    """Return ``file.py, line 12`` of the innermost frame in the user's code, or ``None`` if no frame is in it."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if _is_user_code(frame.filename, folder):
            return f"{Path(frame.filename).name}, line {frame.lineno}"
    return None


def _is_user_code(filename: str, folder: Path | None) -> bool:
    if folder is not None:
        # A virtual environment may be inside the user's folder.
        path = Path(filename)
        return path.is_relative_to(folder) and not {*PACKAGE_FOLDERS}.intersection(path.relative_to(folder).parts)
    return not any(part in filename for part in NOT_USER_CODE)


# Parts of the messages of torch and of the operating system when memory runs out.
_OUT_OF_MEMORY_MESSAGES = ("DefaultCPUAllocator", "not enough memory", "out of memory", "Cannot allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception means that memory ran out; on the CPU torch has no exception type for it.

    Example:
        >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("shapes do not match"))
        (True, False)
    """
    message = str(error)
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        part in message for part in _OUT_OF_MEMORY_MESSAGES
    )
