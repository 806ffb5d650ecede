"""The kinds of split: tensors in memory, which are the fastest to read, and data that are read sample by sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from surefoot.core.errors import DataError
from surefoot.tasks.batch_order_and_trees import leaves, map_leaves
from surefoot.tasks.user_code_errors import locate_error

# Maximum number of faults that one message names; chosen.
MAX_FAULTS = 3


@dataclass(frozen=True, slots=True, eq=False)
class TensorSplit:
    """A split of tensors whose first dimension counts the samples.

    NumPy arrays become tensors, those of floats in torch's default dtype; tensors keep their dtype.

    Attributes:
        tensors: A tensor, or nested tuples, lists and dicts of tensors.
        name: Name of the data in messages, such as ``train``.

    Raises:
        DataError: If a leaf is not a tensor, lengths differ, there are no samples, or a value is NaN or infinite.

    Example:
        >>> split = TensorSplit((torch.arange(6.0).reshape(3, 2), np.array([7, 8, 9])))
        >>> split.batch(torch.tensor([2, 0]))
        (tensor([[4., 5.], [0., 1.]]), tensor([9, 7]))
    """

    tensors: Any
    name: str = "the"

    def __post_init__(self) -> None:
        faults = list(_type_faults(self.tensors))
        if faults:
            raise _data_error(self.name, faults, hint="convert them, e.g. by torch.tensor(...) or frame.to_numpy().")
        object.__setattr__(self, "tensors", map_leaves(_as_tensor, self.tensors))
        lengths = {path: len(leaf) for path, leaf in leaves(self.tensors)}
        if len(set(lengths.values())) > 1:
            given = ", ".join(f"{path or 'it'} has {length}" for path, length in lengths.items())
            raise _data_error(
                self.name,
                [f"the tensors differ in their number of samples: {given}"],
                hint="the first dimension of every tensor must count the samples; give separate samples as a list.",
            )
        if not any(lengths.values()):
            raise _data_error(self.name, ["there are no samples"], hint="at least 1 is needed.")
        reject_invalid_numbers(self.tensors, name=self.name)

    def __len__(self) -> int:
        return next(len(leaf) for _, leaf in leaves(self.tensors))

    def batch(self, indices: Tensor) -> Any:
        """Return the samples at ``indices`` (shape [B]) in the same nesting; every leaf has shape [B, ...]."""
        return map_leaves(lambda leaf: leaf.index_select(0, indices.to(leaf.device)), self.tensors)


def reject_invalid_numbers(tree: Any, *, name: str) -> None:
    """Raise an error if a floating-point tensor holds NaN or positive infinity; ``-inf`` may be an attention mask.

    Args:
        tree: A tensor, or nested tuples, lists and dicts of tensors.
        name: Name of the data in messages.


    Raises:
        DataError: If there is such a value; the message says how many, and in which sample the first is.
    """
    faults = [fault for path, leaf in leaves(tree) for fault in _number_faults(path, leaf)]
    if faults:
        raise _data_error(name, faults, hint="fill the values in, or drop the samples.")


def is_array(value: Any) -> bool:
    """Return whether a value is a tensor or a NumPy array with at least one dimension."""
    return isinstance(value, (Tensor, np.ndarray)) and value.ndim > 0


def _type_faults(tree: Any) -> Iterator[str]:
    for path, leaf in leaves(tree):
        what = path or "it"
        if isinstance(leaf, np.ndarray) and leaf.dtype.kind not in "biuf":
            yield f"{what} is an array of {leaf.dtype}; only numbers are allowed"
        elif not isinstance(leaf, (Tensor, np.ndarray)):
            yield f"{what} has type {type(leaf).__name__}; only tensors and NumPy arrays are allowed"
        elif not is_array(leaf):
            yield f"{what} is a single number; its first dimension must count the samples"


def _number_faults(path: str, leaf: Any) -> Iterator[str]:
    if not isinstance(leaf, Tensor) or not leaf.is_floating_point():
        return
    for what, wrong in (("NaN", torch.isnan(leaf)), ("infinite", torch.isposinf(leaf))):
        if wrong.any():
            samples = wrong.reshape(len(wrong), -1).any(dim=1).nonzero().flatten() if wrong.ndim else torch.zeros(1)
            yield (
                f"{path or 'it'} holds {int(wrong.sum())} {what} values "
                f"in {len(samples)} of {len(leaf) if leaf.ndim else 1} samples, the first at index {int(samples[0])}"
            )


def _as_tensor(leaf: Tensor | np.ndarray[Any, Any]) -> Tensor:
    if isinstance(leaf, Tensor):
        return leaf
    # torch cannot read foreign byte orders or read-only memory, and has few operations for wide unsigned integers
    wide_unsigned = leaf.dtype.kind == "u" and leaf.dtype.itemsize > 1
    array = np.require(leaf, np.int64 if wide_unsigned else leaf.dtype.newbyteorder("="), ["C", "W"])
    tensor = torch.from_numpy(array)
    return tensor.to(torch.get_default_dtype()) if tensor.is_floating_point() else tensor


def _data_error(name: str, faults: list[str], *, hint: str) -> DataError:
    more = f"; and {len(faults) - MAX_FAULTS} more" if len(faults) > MAX_FAULTS else ""
    return DataError(f"{name} data: " + "; ".join(faults[:MAX_FAULTS]) + more + ".", hint=hint)


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
