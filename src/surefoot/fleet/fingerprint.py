"""What a model holds beside parameters and buffers: numbers and tensors that a compiled program takes for constants."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from torch import Tensor, nn

_MACHINERY = nn.Module().__dict__.keys()


def fingerprint(model: nn.Module) -> Hashable:
    """Return what two models must have in common to share one compiled program, or one model before and after a call.

    Example:
        >>> one, other = nn.Dropout(0.1), nn.Dropout(0.2)
        >>> fingerprint(one) == fingerprint(nn.Dropout(0.1)), fingerprint(one) == fingerprint(other)
        (True, False)
    """
    return tuple(
        (name, type(module), tuple((key, _mark(value)) for key, value in vars(module).items() if _counts(key)))
        for name, module in model.named_modules(remove_duplicate=False)
    )


def _counts(attribute: str) -> bool:
    return attribute not in _MACHINERY or attribute == "training"


def _mark(value: Any) -> Hashable:
    if isinstance(value, Tensor):
        return tuple(value.shape), str(value.dtype), tuple(value.detach().flatten().tolist())
    if isinstance(value, Mapping):
        return tuple((str(key), _mark(each)) for key, each in value.items())
    if isinstance(value, tuple | list | set | frozenset):
        return tuple(_mark(each) for each in value)
    plain = isinstance(value, int | float | complex | str | bytes | type(None))
    return (type(value).__name__, value) if plain else getattr(value, "__qualname__", type(value).__qualname__)
