"""Everything random in a training, from its one seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

import numpy as np
import torch

Purpose: TypeAlias = Literal["initialisation", "data", "forward", "evaluation"]

_NUMBERS: dict[Purpose, int] = {"initialisation": 0, "data": 1, "forward": 2, "evaluation": 3}


def draw_seed(seed: int, purpose: Purpose, number: int = 0) -> int:
    """Return the generator seed for one use, independent of all others.

    Example:
        >>> len({draw_seed(0, "data", 1), draw_seed(0, "data", 2), draw_seed(0, "forward", 2), draw_seed(1, "data", 1)})
        4
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(_NUMBERS[purpose], number))
    return int(sequence.generate_state(1, np.uint64)[0] >> 1)


def seed_torch(seed: int) -> None:
    """Seed torch's generators, from which layers like dropout draw.

    As ``torch.manual_seed``, which takes 80 times as long: it takes down a stack trace for every kind of device that
    is not in use.
    """
    torch.default_generator.manual_seed(seed)
    if _cuda_in_use():
        torch.cuda.manual_seed_all(seed)


def seed_everything(seed: int) -> None:
    """Seed torch's, NumPy's and Python's own generators, from which factories and datasets draw."""
    seed_torch(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


@contextmanager
def borrowed_generators() -> Iterator[None]:
    """Leave all global generators as they were found: other people's code can draw from no others."""
    of_python, of_numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(range(torch.cuda.device_count()) if _cuda_in_use() else []):
            yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)


def _cuda_in_use() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]
