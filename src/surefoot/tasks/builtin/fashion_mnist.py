"""IDX, the file format of the MNIST family.

Fashion-MNIST, read from files that are already on the machine.
"""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from surefoot.core.errors import DataError
from surefoot.tasks.models_and_metrics import accuracy
from surefoot.tasks.task import Task

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


DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
FOLDER_VARIABLE = "SUREFOOT_DATA"
FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
SUBFOLDERS = ("", "fashion-mnist", "FashionMNIST/raw")
PIXELS = (28, 28)
CLASSES = 10


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Pictures in two parts, normalised by the mean and deviation of the training part's pixels.

    Attributes:
        train: Pictures [N, 1, 28, 28] in float32 and their classes [N].
        valid: The same of those held out.
    """

    train: tuple[Tensor, Tensor]
    valid: tuple[Tensor, Tensor]


def fashion_mnist(folder: Path | None = None) -> Task:
    """Return 8,000 training and 2,000 validation pictures of clothes, for a conv net of 8 and 16 channels.

    Raises:
        DataError: If the files are absent or broken.

    Reference:
        Xiao, Rasul & Vollgraf (2017), arXiv:1708.07747.
    """
    pictures = read_pictures(folder)
    return Task(
        name="fashion-mnist",
        model=_conv_net,
        loss=cross_entropy,
        train=pictures.train,
        valid=pictures.valid,
        batch_size=100,
        steps=400,
        metric=accuracy,
    )


def read_pictures(folder: Path | None = None, *, train: int = 8_000, valid: int = 2_000) -> Pictures:
    """Read the first ``train + valid`` of the 60,000 training pictures; the last ``valid`` of them are held out.

    The files come in random order, so the first ones are a fair sample. The official test pictures are not touched.

    Args:
        folder: Where the IDX files lie, plain or ``.gz``; else where the variable SUREFOOT_DATA says, else where
            Debian's package ``dataset-fashion-mnist`` puts them.
        train: Pictures to train on.
        valid: Pictures to hold out.

    Raises:
        DataError: If the files are absent, broken, too few or not of 28×28 pixels and 10 classes.
    """
    images_file, labels_file = _find_files(folder)
    images = read_idx(images_file, limit=train + valid)
    labels = read_idx(labels_file, limit=train + valid)
    if images.shape != (train + valid, *PIXELS) or labels.shape != (train + valid,):
        raise DataError(
            f"{images_file.parent}: {train + valid:,} pictures of 28×28 pixels and as many labels are needed; "
            f"given images of shape {list(images.shape)} and labels of shape {list(labels.shape)}."
        )
    if labels.max() >= CLASSES:
        raise DataError(f"{labels_file}: labels from 0 to {CLASSES - 1} are allowed; given {labels.max()}.")
    x = torch.from_numpy(images.copy()).float().unsqueeze(1)
    x = (x - x[:train].mean()) / x[:train].std()
    y = torch.from_numpy(labels.astype("int64"))
    return Pictures(train=(x[:train], y[:train]), valid=(x[train:], y[train:]))


def _conv_net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, kernel_size=3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 16, kernel_size=3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 7 * 7, CLASSES),
    )


def _find_files(folder: Path | None) -> tuple[Path, Path]:
    root = folder or Path(os.environ.get(FOLDER_VARIABLE) or DEBIAN_FOLDER)
    for place in (root / subfolder for subfolder in SUBFOLDERS):
        found = [_plain_or_gz(place / name) for name in FILES]
        if found[0] and found[1]:
            return found[0], found[1]
    raise DataError(
        f"fashion-mnist: no {FILES[0]}[.gz] with {FILES[1]}[.gz] in {root}.",
        hint=f"apt-get install dataset-fashion-mnist, or give their folder: --data-folder DIR, {FOLDER_VARIABLE}=DIR.",
    )


def _plain_or_gz(path: Path) -> Path | None:
    candidates = (path, path.with_name(path.name + ".gz"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)
