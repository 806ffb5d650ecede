"""Gradient clipping by the global norm, member by member."""

from __future__ import annotations

import torch
from torch import Tensor


def clip_by_global_norm(grad: Tensor, max_norm: Tensor) -> Tensor:
    """Scale each member's gradient down to ``max_norm`` where its Euclidean norm is larger.

        grad * min(1, max_norm / (norm + 1e-6))

    The formula, its epsilon included, is that of ``torch.nn.utils.clip_grad_norm_``.

    Args:
        grad: Gradients ``[K, P]``, all parameters of a member in one row.
        max_norm: Largest norm allowed, ``[K, 1]``; ``inf`` leaves a member alone.

    Example:
        >>> clip_by_global_norm(torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0]])).norm().round(decimals=4)
        tensor(1.)
    """
    norm = torch.linalg.vector_norm(grad, dim=1, keepdim=True)
    scale: Tensor = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    return grad * torch.where(max_norm.isinf(), 1.0, scale)
