"""IDX, the file format of the MNIST family."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from surefoot.errors import DataError

UNSIGNED_BYTE = 0x08
MOST_DIMENSIONS = 4
CHUNK = 2**20


class Readable(Protocol):
    """A stream of bytes, compressed or not."""

    def read(self, size: int, /) -> bytes:
        """Return the next ``size`` bytes, fewer at the end."""
        ...


def read_idx(path: Path, *, limit: int | None = None) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, plain or compressed by gzip.

    Args:
        path: The file; its content, not its name, tells whether it is compressed.
        limit: Items to read at most, from the beginning.

    Returns:
        Shape [items, ...], as the file's header says.

    Raises:
        DataError: If the file cannot be read, is no such IDX file, or ends too early.

    Reference:
        LeCun, Cortes & Burges, The MNIST database of handwritten digits: "The IDX file format".
    """
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not compressed:
                return _read(raw, path, limit)
            with gzip.open(raw) as unpacked:
                items = _read(unpacked, path, limit)
                while unpacked.read(CHUNK):  # gzip compares its checksum at the end only
                    pass
                return items
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the compressed data are broken ({error}).", hint="fetch the file again.") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error


def _read(stream: Readable, path: Path, limit: int | None) -> NDArray[np.uint8]:
    magic = stream.read(4)
    is_idx = len(magic) == 4 and magic[:2] == b"\0\0" and magic[2] == UNSIGNED_BYTE and 1 <= magic[3] <= MOST_DIMENSIONS
    if not is_idx:
        raise DataError(
            f"{path}: not an IDX file of bytes; it begins with {magic.hex(' ') or 'nothing'}.",
            hint="expected are train-images-idx3-ubyte and its like, plain or .gz.",
        )
    sizes = _take(stream, 4 * magic[3], path)
    items, *shape = struct.unpack(f">{magic[3]}I", sizes)
    items = items if limit is None else min(items, limit)
    content = _take(stream, items * int(np.prod(shape, dtype=np.int64)), path)
    return np.frombuffer(content, np.uint8).reshape(items, *shape)


def _take(stream: Readable, size: int, path: Path) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise DataError(
            f"{path}: ends too early; its header promises {size:,} more bytes and {len(content):,} are there.",
            hint="fetch the file again.",
        )
    return content
