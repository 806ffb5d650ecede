"""Derive all random numbers of a training from its one seed, and leave the user's generators unchanged."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

import numpy as np
import torch

SeedPurpose: TypeAlias = Literal["initialisation", "data", "forward", "evaluation"]

# Keys of the purposes in derived seeds; changing one changes every training.
_PURPOSE_KEYS: dict[SeedPurpose, int] = {"initialisation": 0, "data": 1, "forward": 2, "evaluation": 3}


def derive_seed(seed: int, purpose: SeedPurpose, number: int = 0) -> int:
    """Return the seed of one generator, independent of the seeds for all other purposes and numbers.

    Args:
        seed: Seed of the training.
        purpose: What the generator is used for.
        number: Number of the step or batch that it is used for.


    Example:
        >>> len({derive_seed(0, "data", 1), derive_seed(0, "data", 2), derive_seed(0, "forward", 2)})
        3
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(_PURPOSE_KEYS[purpose], number))
    return int(sequence.generate_state(1, np.uint64)[0] >> 1)


def seed_torch(seed: int) -> None:
    """Seed torch's generators, from which layers such as dropout draw.

    It does the same as ``torch.manual_seed``, which takes 80 times as long because it records a stack trace for every
    type of device that is not in use.
    """
    torch.default_generator.manual_seed(seed)
    if _cuda_in_use():
        torch.cuda.manual_seed_all(seed)


def seed_everything(seed: int) -> None:
    """Seed the global generators of torch, NumPy and Python, from which model factories and datasets draw."""
    seed_torch(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


@contextmanager
def preserved_generators() -> Iterator[None]:
    """Restore the global generators of torch, NumPy and Python at the end of a ``with`` statement."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(range(torch.cuda.device_count()) if _cuda_in_use() else []):
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)


def _cuda_in_use() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]  # of torch
