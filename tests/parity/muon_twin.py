"""Torch's Newton-Schulz iteration, line by line from Jordan et al. (2024), without torch's rounding to bfloat16."""

from torch import Tensor
from torch.optim import _muon

newton_schulz_of_torch = _muon._zeropower_via_newtonschulz  # as it is before any test puts the twin in its place


def newton_schulz_alone(matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """One matrix ``[m, n]``; takes what torch's own function takes."""
    a, b, c = coefficients
    x = matrix / max(matrix.norm().item(), eps)
    if matrix.shape[0] > matrix.shape[1]:
        x = x.T
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + b * gram @ x + c * gram @ gram @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x
