"""Writing files whole or not at all."""

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
    """Yield a temporary path in the same folder that replaces ``path`` when the block ends well.

    The content is on the disk before the name is, and the name before the block returns; after a fault or a kill
    the old file, if any, stands as it was.

    Raises:
        OutputError: If the folder cannot be written.

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
        # Not mkstemp: what others may read is for the user's umask to say.
        temporary.touch(exist_ok=False)
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        if os.name == "posix":  # elsewhere a folder cannot be opened
            _sync(path.parent)
    except OSError as error:
        raise unwritable(path, error) from None
    finally:
        _remove(temporary)


def writable_folder(path: Path) -> Path:
    """Make a folder and make sure that it takes files.

    Raises:
        OutputError: If it does not.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        raise unwritable(path, error) from None


def unwritable(path: Path, error: OSError) -> OutputError:
    """Return the error for a path that cannot be written."""
    return OutputError(
        f"cannot write {str(path)!r}: {error.strerror or error}.", hint="choose another folder, or make room there."
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
    except OSError:  # such as a folder that is none: the fault is already on its way
        return
