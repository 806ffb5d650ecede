"""Writing files atomically, and folders that can be written to."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from surefoot.core.errors import OutputError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder, which replaces ``path`` when the block ends without an error.

    The content is synced to disk before the file is renamed, and the name before the block returns. After an error or a
    kill the old file, if there is one, is unchanged.

    Raises:
        OutputError: If the folder cannot be written to.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> with atomic_path(folder / "a.txt") as temporary:
        ...     _ = temporary.write_text("whole")
        >>> (folder / "a.txt").read_text(), len(list(folder.iterdir()))
        ('whole', 1)
    """
    temporary = path.with_name(f".{secrets.token_hex(4)}-{path.name}")
    try:
        # Not mkstemp, which ignores the user's umask.
        temporary.touch(exist_ok=False)
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        if os.name == "posix":  # on Windows a folder cannot be opened
            _sync(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        _remove(temporary)


def make_writable_folder(path: Path) -> Path:
    """Make a folder, if there is none, and make sure that files can be written to it.

    Raises:
        OutputError: If they cannot.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        raise cannot_write(path, error) from None


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Return the error for a path that cannot be written."""
    return OutputError(
        f"cannot write {str(path)!r}: {error.strerror or error}.", hint="choose another folder, or free some space."
    )


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # for example the folder is a file: the error that says so is being raised already
        return
