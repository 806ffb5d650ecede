"""Nested tuples, lists and dicts of tensors, of which batches consist, and the order of samples in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from surefoot.core.errors import TaskError


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every leaf of a nested structure, preceded by its path.

    Example:
        >>> list(leaves({"text": (1, 2), "label": 3}))
        [("['text'][0]", 1), ("['text'][1]", 2), ("['label']", 3)]
    """
    if isinstance(tree, Mapping):
        for key, branch in tree.items():
            yield from leaves(branch, f"{path}[{key!r}]")
    elif isinstance(tree, (tuple, list)):
        for index, branch in enumerate(tree):
            yield from leaves(branch, f"{path}[{index}]")
    else:
        yield path, tree


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """Return a structure of the same nesting with ``function`` applied to every leaf; mappings become dicts.

    Example:
        >>> map_leaves(lambda leaf: leaf + 1, {"a": (1, [2])})
        {'a': (2, [3])}
    """
    if isinstance(tree, Mapping):
        return {key: map_leaves(function, branch) for key, branch in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(map_leaves(function, branch) for branch in tree))
    if isinstance(tree, (tuple, list)):
        return type(tree)(map_leaves(function, branch) for branch in tree)
    return function(tree)


def tensor_leaves(tree: Any) -> Iterator[Tensor]:
    """Yield all leaves that are tensors."""
    return (leaf for _, leaf in leaves(tree) if isinstance(leaf, Tensor))


def to_float64(tree: Any) -> Any:
    """Return the structure with floating-point tensors converted to float64, and all other leaves unchanged."""

    def convert(leaf: Any) -> Any:
        return leaf.double() if isinstance(leaf, Tensor) and leaf.is_floating_point() else leaf

    return map_leaves(convert, tree)


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """The order of samples in a training: an endless sequence of shuffled epochs, cut into batches.

    Batch ``n`` consists of the samples at positions ``n * batch_size`` to ``(n + 1) * batch_size`` of that sequence.
    So every batch is full, every sample comes exactly once in each epoch, and a batch may hold the end of one epoch
    and the beginning of the next. A batch depends on its number and the seed alone, so that a training can resume
    from its step number.

    Attributes:
        samples: Number of samples.
        batch_size: Number of samples in one batch.
        seed: Seed of the shuffling, at least 0.

    Raises:
        TaskError: If a number is out of its range.

    Example:
        >>> order = BatchOrder(samples=6, batch_size=4, seed=0)
        >>> sorted(torch.cat([order.indices(0), order.indices(1), order.indices(2)]).tolist())
        [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    """

    samples: int
    batch_size: int
    seed: int

    def __post_init__(self) -> None:
        minima = {"samples": 1, "batch_size": 1, "seed": 0}
        faults = [
            f"{name} must be at least {minimum}; given {getattr(self, name)}"
            for name, minimum in minima.items()
            if getattr(self, name) < minimum
        ]
        if faults:
            raise TaskError("the batches cannot be formed: " + "; ".join(faults) + ".")

    def indices(self, number: int) -> Tensor:
        """Return the sample indices of batch ``number``, counted from 0, int64, shape [batch_size]."""
        begin = number * self.batch_size
        end = begin + self.batch_size
        epochs = range(begin // self.samples, -(-end // self.samples))
        starts = (epoch * self.samples for epoch in epochs)
        parts = [
            epoch_permutation(self.samples, seed=self.seed, epoch=epoch)[max(0, begin - start) : end - start]
            for epoch, start in zip(epochs, starts, strict=True)
        ]
        return torch.cat(parts)  # also copies a single part, so that no caller holds the cached tensor


@lru_cache(maxsize=8)
def epoch_permutation(samples: int, *, seed: int, epoch: int) -> Tensor:
    """Return the shuffled sample indices of one epoch, int64, shape [samples]; do not change them in place.

    ``SeedSequence`` mixes seed and epoch, so that neighbouring seeds and epochs are independent.
    """
    state = np.random.SeedSequence(seed, spawn_key=(epoch,)).generate_state(1, np.uint64)
    return torch.randperm(samples, generator=torch.Generator().manual_seed(int(state[0])))


def sample_ranges(samples: int, size: int) -> list[range]:
    """Return ranges of at most ``size`` sample indices that cover all samples in order.

    Raises:
        TaskError: If ``size`` is below 1.

    Example:
        >>> sample_ranges(5, 2)
        [range(0, 2), range(2, 4), range(4, 5)]
    """
    if size < 1:
        raise TaskError(f"the number of samples at a time must be at least 1; given {size}.")
    return [range(begin, min(begin + size, samples)) for begin in range(0, samples, size)]
