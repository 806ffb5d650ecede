"""A split of tensors in memory, which is the fastest to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from surefoot.core.errors import DataError
from surefoot.tasks.batches import leaves, map_leaves

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
