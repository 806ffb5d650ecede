"""A model's whole state: its ``state_dict``, and the buffers that a ``state_dict`` leaves out."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def load_whole_state(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Give a model the parameters and buffers of a state, those with ``persistent=False`` included.

    ``load_state_dict`` refuses these, although a training may change them.

    Args:
        model: What is changed.
        state: By name; non-persistent buffers that it lacks stay as they are.

    Raises:
        RuntimeError: If the state is of another model.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> model.register_buffer("count", torch.zeros(()), persistent=False)
        >>> load_whole_state(model, {**model.state_dict(), "count": torch.tensor(3.0)})
        >>> model.count
        tensor(3.)
    """
    kept = model.state_dict().keys()
    left_out = {name: buffer for name, buffer in model.named_buffers() if name not in kept}
    model.load_state_dict({name: value for name, value in state.items() if name not in left_out})
    with torch.no_grad():
        for name, buffer in left_out.items():
            if name in state:
                buffer.copy_(state[name])
