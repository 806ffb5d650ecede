"""The device of the command line."""

from __future__ import annotations

from surefoot.errors import TaskError


def check_device(device: str) -> None:
    """Make sure that torch can compute there.

    Raises:
        TaskError: If it cannot.
    """
    if device == "cpu":
        return
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        cause = str(error).splitlines()[0]
        raise TaskError(
            f"cannot train on device {device!r}: {cause.rstrip('.')}.", hint="--device cpu always works."
        ) from None
