"""Telling that memory ran out."""

from __future__ import annotations

import torch

_SIGNS = ("DefaultCPUAllocator", "not enough memory", "out of memory", "Cannot allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that there was no memory left; on the CPU torch has no type for it.

    Example:
        >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("shapes do not match"))
        (True, False)
    """
    said = str(error)
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(sign in said for sign in _SIGNS)
