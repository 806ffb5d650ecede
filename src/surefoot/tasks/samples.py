"""Separate samples, held in memory or streamed: stacked into tensors where they can be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Number
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import default_collate

from surefoot.errors import DataError
from surefoot.tasks.blame import blame
from surefoot.tasks.dataset_split import Collate, DatasetSplit
from surefoot.tasks.tensor_split import TensorSplit
from surefoot.tasks.tree import leaves

MOST_SAMPLES = 1_000_000
MOST_BYTES = 2 * 1024**3


def from_samples(
    samples: Sequence[Any], *, collate: Collate = default_collate, name: str
) -> TensorSplit | DatasetSplit:
    """Return samples in memory as a split: tensors when all are alike and torch's own collate is used.

    Raises:
        DataError: If there is none, or the first cannot be read.

    Example:
        >>> type(from_samples([(1.0, 0), (2.0, 1)], name="train")).__name__
        'TensorSplit'
    """
    if len(samples) < 1:
        raise DataError(f"{name} data: there are no samples.", hint="at least 1 is needed.")
    if collate is default_collate and len({_form(sample) for sample in samples}) == 1 and _form(samples[0]) is not None:
        return TensorSplit(default_collate(list(samples)), name)
    return DatasetSplit(samples, collate, name)


def read_stream(
    stream: Iterable[Any], *, name: str, most: int = MOST_SAMPLES, most_bytes: int = MOST_BYTES
) -> list[Any]:
    """Read an iterable dataset to its end, once.

    Raises:
        DataError: If it raises, or holds more than ``most`` samples or ``most_bytes`` bytes (as endless ones do).
    """
    samples: list[Any] = []
    size = 0
    try:
        for sample in stream:
            samples.append(sample)
            size += sum(getattr(leaf, "nbytes", 8) for _, leaf in leaves(sample))
            if len(samples) > most or size > most_bytes:
                break
    except Exception as error:
        raise DataError(f"{name} data: sample {len(samples)} of the stream raised {blame(error)}.") from error
    if len(samples) > most or size > most_bytes:
        raise DataError(
            f"{name} data: the iterable dataset goes on after {len(samples) - 1:,} samples; "
            f"one is read into memory, at most {most:,} samples and {most_bytes / 1024**3:g} GiB.",
            hint="is it endless? Cut it (itertools.islice), or give a dataset with __getitem__ and __len__.",
        )
    return samples


def _form(sample: Any) -> tuple[tuple[str, Any], ...] | None:
    """Return what must be equal for samples to stack: the paths of their leaves and the shapes there."""
    form = tuple((path, _shape(leaf)) for path, leaf in leaves(sample))
    return None if any(shape is None for _, shape in form) else form


def _shape(leaf: Any) -> tuple[int, ...] | None:
    if isinstance(leaf, (Tensor, np.ndarray)):
        return tuple(leaf.shape)
    return () if isinstance(leaf, (Number, np.generic)) else None
