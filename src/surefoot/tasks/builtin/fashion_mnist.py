"""Fashion-MNIST, read from IDX files (the format of the MNIST family) that are already on the machine."""

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

# Type code of unsigned bytes in an IDX header.
UNSIGNED_BYTE = 0x08
# Maximum number of dimensions of an IDX file; MNIST files have at most 3.
MAX_DIMENSIONS = 4
# Bytes that are read at a time.
READ_BYTES = 2**20


class Readable(Protocol):
    """A stream of bytes, compressed or not."""

    def read(self, size: int, /) -> bytes:
        """Return the next ``size`` bytes, fewer at the end."""
        ...


def read_idx(path: Path, *, limit: int | None = None) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, plain or compressed by gzip.

    Args:
        path: The file; whether it is compressed is read from its content, not from its name.
        limit: Maximum number of items to read, from the beginning.

    Returns:
        The items, with the shape in the file's header, [items, ...].

    Raises:
        DataError: If the file cannot be read, is not an IDX file of bytes, or ends too early.

    Reference:
        LeCun, Cortes & Burges, The MNIST database of handwritten digits: "The IDX file format".
    """
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not compressed:
                return _read_items(raw, path, limit)
            with gzip.open(raw) as unpacked:
                items = _read_items(unpacked, path, limit)
                while unpacked.read(READ_BYTES):  # gzip verifies its checksum only at the end
                    pass
                return items
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: the compressed data are damaged ({error}).", hint="download the file again."
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error


def _read_items(stream: Readable, path: Path, limit: int | None) -> NDArray[np.uint8]:
    magic = stream.read(4)
    is_idx = len(magic) == 4 and magic[:2] == b"\0\0" and magic[2] == UNSIGNED_BYTE and 1 <= magic[3] <= MAX_DIMENSIONS
    if not is_idx:
        raise DataError(
            f"{path}: not an IDX file of bytes; it begins with {magic.hex(' ') or 'nothing'}.",
            hint="expected is a file such as train-images-idx3-ubyte, plain or .gz.",
        )
    sizes = _read_exactly(stream, 4 * magic[3], path)
    items, *shape = struct.unpack(f">{magic[3]}I", sizes)
    items = items if limit is None else min(items, limit)
    content = _read_exactly(stream, items * int(np.prod(shape, dtype=np.int64)), path)
    return np.frombuffer(content, np.uint8).reshape(items, *shape)


def _read_exactly(stream: Readable, size: int, path: Path) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise DataError(
            f"{path}: the file ends too early: {size:,} more bytes were expected, and there are {len(content):,}.",
            hint="download the file again.",
        )
    return content


DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
FOLDER_VARIABLE = "SUREFOOT_DATA"
FILE_NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
SUBFOLDERS = ("", "fashion-mnist", "FashionMNIST/raw")
IMAGE_SIZE = (28, 28)
NUM_CLASSES = 10


@dataclass(frozen=True, slots=True, eq=False)
class ImageSplits:
    """Images for training and validation, normalised by the mean and standard deviation of the training pixels.

    Attributes:
        train: Training images [N, 1, 28, 28] in float32, and their classes [N].
        valid: Validation images and their classes, of the same form.
    """

    train: tuple[Tensor, Tensor]
    valid: tuple[Tensor, Tensor]


def fashion_mnist(folder: Path | None = None) -> Task:
    """Return the task of 8,000 training and 2,000 validation images of clothes, for a conv net of 8 and 16 channels.

    Raises:
        DataError: If the files are missing or damaged.

    Reference:
        Xiao, Rasul & Vollgraf (2017), arXiv:1708.07747.
    """
    images = read_images(folder)
    return Task(
        name="fashion-mnist",
        model=_conv_net,
        loss=cross_entropy,
        train=images.train,
        valid=images.valid,
        batch_size=100,
        steps=400,
        metric=accuracy,
    )


def read_images(folder: Path | None = None, *, train: int = 8_000, valid: int = 2_000) -> ImageSplits:
    """Read the first ``train + valid`` of the 60,000 training images; the last ``valid`` of them are for validation.

    The images are in random order, so the first ones are a fair sample. The official test images are not used.

    Args:
        folder: Folder of the IDX files, plain or ``.gz``; by default that in the environment variable SUREFOOT_DATA,
            or that of Debian's package ``dataset-fashion-mnist``.
        train: Number of training images.
        valid: Number of validation images.

    Raises:
        DataError: If the files are missing or damaged, have too few images, or not 28×28 pixels and 10 classes.
    """
    images_file, labels_file = _find_files(folder)
    images = read_idx(images_file, limit=train + valid)
    labels = read_idx(labels_file, limit=train + valid)
    if images.shape != (train + valid, *IMAGE_SIZE) or labels.shape != (train + valid,):
        raise DataError(
            f"{images_file.parent}: {train + valid:,} images of 28×28 pixels and as many labels are needed; "
            f"given images of shape {list(images.shape)} and labels of shape {list(labels.shape)}."
        )
    if labels.max() >= NUM_CLASSES:
        raise DataError(f"{labels_file}: labels from 0 to {NUM_CLASSES - 1} are allowed; given {labels.max()}.")
    x = torch.from_numpy(images.copy()).float().unsqueeze(1)
    x = (x - x[:train].mean()) / x[:train].std()
    y = torch.from_numpy(labels.astype("int64"))
    return ImageSplits(train=(x[:train], y[:train]), valid=(x[train:], y[train:]))


def _conv_net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, kernel_size=3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 16, kernel_size=3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 7 * 7, NUM_CLASSES),
    )


def _find_files(folder: Path | None) -> tuple[Path, Path]:
    root = folder or Path(os.environ.get(FOLDER_VARIABLE) or DEBIAN_FOLDER)
    for subfolder in SUBFOLDERS:
        images, labels = (_plain_or_gz(root / subfolder / name) for name in FILE_NAMES)
        if images and labels:
            return images, labels
    raise DataError(
        f"fashion-mnist: no {FILE_NAMES[0]}[.gz] with {FILE_NAMES[1]}[.gz] in {root}.",
        hint=f"apt-get install dataset-fashion-mnist, or give the folder: --data-folder DIR or {FOLDER_VARIABLE}=DIR.",
    )


def _plain_or_gz(path: Path) -> Path | None:
    candidates = (path, path.with_name(path.name + ".gz"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)
