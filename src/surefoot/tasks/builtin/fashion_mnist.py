"""Fashion-MNIST, read from files that are already on the machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from surefoot.errors import DataError
from surefoot.tasks.idx import read_idx
from surefoot.tasks.metrics import accuracy
from surefoot.tasks.task import Task

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
