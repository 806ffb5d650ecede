"""Data that are read sample by sample: any map-style dataset.

Separate samples, held in memory or streamed: stacked into tensors where they can be.
"""

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
from surefoot.tasks.tensor_split import TensorSplit, require_numbers
from surefoot.tasks.user_code_errors import blame

Collate = Callable[[list[Any]], Any]


@dataclass(frozen=True, slots=True, eq=False)
class DatasetSplit:
    """A dataset with ``__getitem__`` and ``__len__``, whose samples ``collate`` makes into a batch.

    Attributes:
        dataset: Anything a ``DataLoader`` takes as a map-style dataset; ``__getitems__`` is used where it exists.
        collate: ``[sample, ...] -> batch``; torch's own by default.
        name: What messages call the data.

    Raises:
        DataError: If there is no sample, or the first one cannot be read.

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
                f"{self.name} data: collating {len(samples)} samples raised {blame(error)}.",
                hint="samples of unlike shapes need a collate_fn: pass a DataLoader that has one.",
            ) from error
        require_numbers(batch, name=self.name)
        return batch

    def _samples(self, places: list[int]) -> list[Any]:
        try:
            if hasattr(self.dataset, "__getitems__"):
                return list(self.dataset.__getitems__(places))
            return [self.dataset[place] for place in places]
        except Exception as error:
            given = places[0] if len(places) == 1 else f"{places[0]} and {len(places) - 1} others"
            raise DataError(
                f"{self.name} data: reading sample {given} raised {blame(error)}.",
                hint=f"the dataset must give every sample from 0 to {len(self) - 1}.",
            ) from error


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
