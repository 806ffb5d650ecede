"""Trees of tensors: tuples, lists and dicts, nested at will, as batches and whole data sets are made of.

Which samples make which batch: a pure function of the seed and the batch's number.
"""

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
    """Yield every leaf with the path that leads to it.

    Example:
        >>> list(leaves({"text": (1, 2), "label": 3}))
        [("['text'][0]", 1), ("['text'][1]", 2), ("['label']", 3)]
    """
    if isinstance(tree, Mapping):
        for key, branch in tree.items():
            yield from leaves(branch, f"{path}[{key!r}]")
    elif isinstance(tree, (tuple, list)):
        for place, branch in enumerate(tree):
            yield from leaves(branch, f"{path}[{place}]")
    else:
        yield path, tree


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """Return a tree of the same form with ``function`` of every leaf; any mapping becomes a dict.

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


def tensors(tree: Any) -> Iterator[Tensor]:
    """Yield the tensors among the leaves."""
    return (leaf for _, leaf in leaves(tree) if isinstance(leaf, Tensor))


def double(tree: Any) -> Any:
    """Return the tree with its floating-point tensors in float64; everything else stays as it is."""

    def widened(leaf: Any) -> Any:
        return leaf.double() if isinstance(leaf, Tensor) and leaf.is_floating_point() else leaf

    return map_leaves(widened, tree)


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """The order of training: an endless row of shuffled epochs, cut into batches.

    Batch ``n`` is places ``n * batch_size`` to ``(n + 1) * batch_size`` of that row. So every batch is full, every
    sample comes exactly once in each epoch of ``samples`` places, and a batch may hold the end of one epoch and the
    beginning of the next. Any batch can be asked for at any time: a training resumes from its step number alone.

    Attributes:
        samples: How many there are.
        batch_size: Samples in one batch.
        seed: The luck of the draw, at least 0.

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
        least = {"samples": 1, "batch_size": 1, "seed": 0}
        faults = [
            f"{name} must be at least {low}; given {getattr(self, name)}"
            for name, low in least.items()
            if getattr(self, name) < low
        ]
        if faults:
            raise TaskError("the order of the batches: " + "; ".join(faults) + ".")

    def indices(self, number: int) -> Tensor:
        """Return the samples of batch ``number`` (the first is 0), int64, shape [batch_size]."""
        begin = number * self.batch_size
        end = begin + self.batch_size
        epochs = range(begin // self.samples, -(-end // self.samples))
        starts = (epoch * self.samples for epoch in epochs)
        parts = [
            permutation(self.samples, seed=self.seed, epoch=epoch)[max(0, begin - start) : end - start]
            for epoch, start in zip(epochs, starts, strict=True)
        ]
        return torch.cat(parts)  # a copy also of a single part: nobody gets hold of what the cache keeps


@lru_cache(maxsize=8)
def permutation(samples: int, *, seed: int, epoch: int) -> Tensor:
    """Return the shuffled sample numbers of one epoch, int64, shape [samples]; never change them in place.

    ``SeedSequence`` mixes seed and epoch, so that neighbouring seeds and epochs have nothing in common.
    """
    state = np.random.SeedSequence(seed, spawn_key=(epoch,)).generate_state(1, np.uint64)
    return torch.randperm(samples, generator=torch.Generator().manual_seed(int(state[0])))


def chunks(samples: int, size: int) -> list[range]:
    """Return the sample numbers in order, in ranges of at most ``size``, for an evaluation of all of them.

    Raises:
        TaskError: If ``size`` is below 1.

    Example:
        >>> chunks(5, 2)
        [range(0, 2), range(2, 4), range(4, 5)]
    """
    if size < 1:
        raise TaskError(f"a chunk holds at least 1 sample; given {size}.")
    return [range(begin, min(begin + size, samples)) for begin in range(0, samples, size)]
