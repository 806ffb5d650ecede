"""Data that are read sample by sample: map-style and iterable datasets, and lists of samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import default_collate

from surefoot.core.errors import DataError
from surefoot.tasks.batches import leaves
from surefoot.tasks.tensor_split import TensorSplit, reject_invalid_numbers
from surefoot.tasks.user_code_errors import locate_error

Collate = Callable[[list[Any]], Any]


@dataclass(frozen=True, slots=True, eq=False)
class DatasetSplit:
    """A split whose samples are read from a map-style dataset and collated into batches.

    Attributes:
        dataset: Any object with ``__getitem__`` and ``__len__``; ``__getitems__`` is used where it exists.
        collate: Function that makes a list of samples into a batch; torch's ``default_collate`` by default.
        name: Name of the data in messages, such as ``train``.

    Raises:
        DataError: If there are no samples, or the first one cannot be read.

    Example:
        >>> import torch
        >>> DatasetSplit([(0.5, 1), (0.25, 0)]).batch(torch.tensor([1, 0]))
        [tensor([0.2500, 0.5000], dtype=torch.float64), tensor([0, 1])]
    """

    dataset: Any
    collate: Collate = default_collate
    name: str = "the"

    def __post_init__(self) -> None:
        if len(self) < 1:
            raise DataError(f"{self.name} data: there are no samples.", hint="at least 1 is needed.")
        self._samples([0])

    def __len__(self) -> int:
        return len(self.dataset)

    def batch(self, indices: Tensor) -> Any:
        """Return the collated samples at ``indices`` (shape [B]).

        Raises:
            DataError: If a sample cannot be read, the samples do not collate, or a value is NaN or infinite.
        """
        samples = self._samples(indices.tolist())
        try:
            batch = self.collate(samples)
        except Exception as error:
            raise DataError(
                f"{self.name} data: collating {len(samples)} samples raised {locate_error(error)}.",
                hint="samples of different shapes need a collate_fn: pass a DataLoader that has one.",
            ) from error
        reject_invalid_numbers(batch, name=self.name)
        return batch

    def _samples(self, indices: list[int]) -> list[Any]:
        try:
            if hasattr(self.dataset, "__getitems__"):
                return list(self.dataset.__getitems__(indices))
            return [self.dataset[index] for index in indices]
        except Exception as error:
            which = indices[0] if len(indices) == 1 else f"{indices[0]} and {len(indices) - 1} others"
            raise DataError(
                f"{self.name} data: reading sample {which} raised {locate_error(error)}.",
                hint=f"the dataset must return every sample from 0 to {len(self) - 1}.",
            ) from error


# Maximum number of samples, and of bytes, that are read from an iterable dataset, which may be endless; chosen.
MAX_STREAM_SAMPLES = 1_000_000
MAX_STREAM_BYTES = 2 * 1024**3


def split_from_samples(
    samples: Sequence[Any], *, collate: Collate = default_collate, name: str
) -> TensorSplit | DatasetSplit:
    """Return samples in memory as a split: of tensors where all samples have the same shapes and the default collate.

    Args:
        samples: The samples.
        collate: Function that makes a list of samples into a batch.
        name: Name of the data in messages.


    Raises:
        DataError: If there are no samples, or the first one cannot be read.

    Example:
        >>> type(split_from_samples([(1.0, 0), (2.0, 1)], name="train")).__name__
        'TensorSplit'
    """
    if len(samples) < 1:
        raise DataError(f"{name} data: there are no samples.", hint="at least 1 is needed.")
    if (
        collate is default_collate
        and len({_structure(sample) for sample in samples}) == 1
        and _structure(samples[0]) is not None
    ):
        return TensorSplit(default_collate(list(samples)), name)
    return DatasetSplit(samples, collate, name)


def read_stream(
    stream: Iterable[Any], *, name: str, max_samples: int = MAX_STREAM_SAMPLES, max_bytes: int = MAX_STREAM_BYTES
) -> list[Any]:
    """Return all samples of an iterable dataset.

    Args:
        stream: The dataset.
        name: Name of the data in messages.
        max_samples: Maximum number of samples.
        max_bytes: Maximum size of all samples in bytes.


    Raises:
        DataError: If the dataset raises, or exceeds one of the limits, as an endless one does.
    """
    samples: list[Any] = []
    size = 0
    try:
        for sample in stream:
            samples.append(sample)
            size += sum(getattr(leaf, "nbytes", 8) for _, leaf in leaves(sample))
            if len(samples) > max_samples or size > max_bytes:
                break
    except Exception as error:
        raise DataError(f"{name} data: sample {len(samples)} of the stream raised {locate_error(error)}.") from error
    if len(samples) > max_samples or size > max_bytes:
        raise DataError(
            f"{name} data: the iterable dataset goes on after {len(samples) - 1:,} samples; at most "
            f"{max_samples:,} samples and {max_bytes / 1024**3:g} GiB are read into memory.",
            hint="if it is endless, limit it by itertools.islice, or give a dataset with __getitem__ and __len__.",
        )
    return samples


def _structure(sample: Any) -> tuple[tuple[str, Any], ...] | None:
    """Return the paths and shapes of a sample's leaves, which must be equal for samples to be stacked."""
    structure = tuple((path, _shape(leaf)) for path, leaf in leaves(sample))
    return None if any(shape is None for _, shape in structure) else structure


def _shape(leaf: Any) -> tuple[int, ...] | None:
    if isinstance(leaf, (Tensor, np.ndarray)):
        return tuple(leaf.shape)
    return () if isinstance(leaf, (Number, np.generic)) else None
