"""Data that are read sample by sample: any map-style dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils.data import default_collate

from surefoot.errors import DataError
from surefoot.tasks.blame import blame
from surefoot.tasks.tensor_split import require_numbers

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
