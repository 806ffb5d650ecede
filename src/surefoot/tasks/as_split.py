"""Make a split, one of a task's data sets, from tensors, arrays, a Dataset, a DataLoader or a list of samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    TensorDataset,
    default_collate,
)

from surefoot.core.errors import DataError
from surefoot.tasks.batch_order_and_trees import leaves
from surefoot.tasks.tensor_and_dataset_splits import (
    Collate,
    DatasetSplit,
    TensorSplit,
    is_array,
    read_stream,
    split_from_samples,
)

__all__ = ["DatasetSplit", "Split", "TensorSplit", "as_split"]


@runtime_checkable
class Split(Protocol):
    """Samples that can be counted, and fetched by their indices."""

    def __len__(self) -> int:
        """Return the number of samples."""
        ...

    def batch(self, indices: Tensor) -> Any:
        """Return the samples at ``indices`` (shape [B]) as one batch of nested tensors [B, ...]."""
        ...


def as_split(data: Any, *, name: str, collate: Collate = default_collate) -> Split:
    """Return the data as a split; a split is returned as it is.

    A tensor, a dict or a tuple holds *columns*: tensors whose first dimension counts the samples. A list holds
    *samples*, one per entry, and so does a tuple of anything but arrays; the exception is ``[inputs, targets]``, a
    list of two arrays of equal length, which holds columns. Tensors, a ``TensorDataset`` and its ``Subset`` are the
    fastest.

    Args:
        data: Tensors or arrays, samples, a map-style or a finite iterable dataset, a ``DataLoader`` of one (its
            dataset and ``collate_fn`` are used; batch size and order are the task's), or a ``Split``.
        name: Name of the data in messages, such as ``train``.
        collate: Function that makes a list of samples into a batch.

    Raises:
        DataError: If the type of the data is not supported, or they are empty, differ in length, are endless, or hold
            NaN.

    Example:
        >>> len(as_split((torch.zeros(5, 2), torch.zeros(5)), name="train"))
        5
        >>> as_split([(torch.ones(2), 0), (torch.ones(2), 1)], name="train").batch(torch.tensor([1]))
        [tensor([[1., 1.]]), tensor([1])]
    """
    # Hugging Face datasets have a method called batch too; unlike splits they have __getitem__.
    if isinstance(data, Split) and not hasattr(data, "__getitem__"):
        return data
    if isinstance(data, DataLoader):
        return _from_loader(data, name)
    if isinstance(data, Dataset):
        return _from_dataset(data, name, collate)
    if isinstance(data, (Tensor, np.ndarray, Mapping, tuple, list)):
        return _from_memory(data, name, collate)
    if hasattr(data, "to_numpy") or not (hasattr(data, "__getitem__") and hasattr(data, "__len__")):
        raise _unsupported(data, name)
    return DatasetSplit(data, collate, name)


def _from_memory(data: Any, name: str, collate: Collate) -> Split:
    if not isinstance(data, (tuple, list)) or _holds_columns(data):
        return TensorSplit(data, name)
    return split_from_samples(data, collate=collate, name=name)


def _holds_columns(data: Any) -> bool:
    if isinstance(data, tuple):
        return any(map(is_array, data)) or (bool(data) and all(is_array(leaf) for _, leaf in leaves(data)))
    return isinstance(data, list) and len(data) == 2 and all(map(is_array, data)) and len(data[0]) == len(data[1])


def _from_dataset(data: Dataset[Any], name: str, collate: Collate) -> Split:
    if isinstance(data, IterableDataset):
        return split_from_samples(read_stream(data, name=name), collate=collate, name=name)
    if isinstance(data, TensorDataset) and collate is default_collate:
        return TensorSplit(data.tensors, name)
    if not hasattr(data, "__len__"):
        raise _unsupported(data, name)
    if type(data) is Subset and isinstance(data.dataset, (TensorDataset, Subset)) and len(data) > 0:
        full = as_split(data.dataset, name=name, collate=collate)
        if isinstance(full, TensorSplit):
            return TensorSplit(full.batch(torch.as_tensor(list(data.indices))), name)
    return DatasetSplit(data, collate, name)


def _from_loader(loader: DataLoader[Any], name: str) -> Split:
    if loader.batch_size is None and loader.batch_sampler is None:
        raise DataError(
            f"{name} data: the DataLoader has batch_size=None, so its dataset makes the batches itself.",
            hint="give a dataset of single samples; the task sets the batch size.",
        )
    sampler = _custom_sampler(loader)
    if sampler is not None:
        raise DataError(
            f"{name} data: the DataLoader draws samples with a {sampler}, but surefoot sets their order itself.",
            hint="pass the dataset alone, or a Subset of the samples wanted.",
        )
    return as_split(loader.dataset, name=name, collate=loader.collate_fn)


def _custom_sampler(loader: DataLoader[Any]) -> str | None:
    """Return the name of a sampler other than sequential or random, which would otherwise be ignored silently."""
    if isinstance(loader.dataset, IterableDataset):
        return None
    plain = {RandomSampler, SequentialSampler, BatchSampler}
    return next(
        (type(each).__name__ for each in (loader.batch_sampler, loader.sampler) if type(each) not in plain), None
    )


def _unsupported(data: Any, name: str) -> DataError:
    allowed = "(inputs, targets) tensors, a Dataset with __getitem__ and __len__, a DataLoader, a list of samples"
    hint = "use torch.tensor(frame.to_numpy())." if hasattr(data, "to_numpy") else f"allowed are {allowed}."
    return DataError(f"{name} data: the type {type(data).__name__} is not supported.", hint=hint)
