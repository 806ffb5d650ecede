"""Checks of the arguments that the public functions share: seed, steps, budget, plan and device."""

from __future__ import annotations

import operator
from typing import Any

import torch

from surefoot.core.budget import Budget
from surefoot.core.errors import BudgetError, TaskError
from surefoot.core.formatting import short_repr
from surefoot.core.value_types import is_seed
from surefoot.fleet.plan import Plan


def require_run_arguments(
    *, seed: Any = 0, steps: Any = None, plan: Any = None, device: Any = None, workers: Any = 0, timeout: Any = None
) -> None:
    """Check what says how to run; an argument that a function does not have is left out.

    Raises:
        TaskError: If any of them is wrong: one line with all faults.

    Example:
        >>> require_run_arguments(seed=3, plan=Plan("serial", 1), device="cpu")
        >>> require_run_arguments(seed=-1, plan="stacked")
        Traceback (most recent call last):
        surefoot.core.errors.TaskError: a seed is ...; given -1; a plan is a surefoot.Plan; given 'stacked'.
    """
    faults = []
    if not is_seed(seed):
        faults.append(f"a seed is a whole number of at least 0; given {short_repr(seed)}")
    if steps is not None and not _is_whole(steps, 1):
        faults.append(f"steps is a whole number of at least 1; given {short_repr(steps)}")
    if plan is not None and not isinstance(plan, Plan):
        faults.append(f"a plan is a surefoot.Plan; given {short_repr(plan)}")
    if not _is_whole(workers, 0):
        faults.append(f"workers is a whole number of at least 0; given {short_repr(workers)}")
    if timeout is not None and not (isinstance(timeout, (int, float)) and timeout > 0):
        faults.append(f"a timeout is a number of seconds above 0; given {short_repr(timeout)}")
    if faults:
        raise TaskError(f"{'; '.join(faults)}.")
    if device is not None:
        require_device(device)


def require_device(device: Any) -> None:
    """Check that PyTorch can compute on a device.

    Args:
        device: Name of the device: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises:
        TaskError: If it cannot.
    """
    if device == "cpu":
        return
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        cause = str(error).splitlines()[0]
        raise TaskError(
            f"cannot train on device {short_repr(device)}: {cause.rstrip('.')}.", hint="cpu always works."
        ) from None


def as_budget(budget: Any) -> Budget:
    """Return a budget that is given as a Budget or as its text.

    Raises:
        BudgetError: If it is neither, or the text cannot be read.
    """
    if isinstance(budget, Budget):
        return budget
    if isinstance(budget, str):
        return Budget.parse(budget)
    raise BudgetError(
        f"a budget is a text or a surefoot.Budget; given {short_repr(budget)}.", hint='write "3x", "60s" or "auto".'
    )


def _is_whole(value: Any, low: int) -> bool:
    """Return whether a value is a whole number from a bound on; NumPy's integers are, and truth values are not."""
    if isinstance(value, bool):
        return False
    try:
        number = operator.index(value)
    except TypeError:
        return False
    return number >= low
