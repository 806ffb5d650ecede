"""How noisy the gradients of mini-batches are."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class NoiseScale:
    """Gradient and noise of single samples, estimated without bias.

    Attributes:
        signal: ‖G‖², the squared norm of the whole loss's gradient; an estimate may be below 0 where noise drowns it.
        noise: tr Σ, the summed variance of a single sample's gradient.
    """

    signal: float
    noise: float

    @property
    def value(self) -> float:
        """Tr Σ / ‖G‖²: the batch size at which noise and gradient weigh the same; infinite where noise drowns it."""
        return self.noise / self.signal if self.signal > 0 else float("inf")

    def share_of_noise(self, batch_size: int) -> float:
        """Return which part of a mini-batch gradient's squared norm is noise, from 0 to 1.

        Example:
            >>> NoiseScale(signal=2.0, noise=6.0).share_of_noise(3)
            0.5
        """
        own = max(self.noise, 0.0) / batch_size
        whole = own + max(self.signal, 0.0)
        return own / whole if whole else 0.0


def noise_scale(gradients: Tensor, *, batch_size: int) -> NoiseScale:
    """Estimate the gradient noise scale from the gradients of several mini-batches at the same parameters.

    With b samples each and n of them, ``s`` the mean squared norm and ``m`` the squared norm of the mean,

        ‖G‖² = (n m - s) / (n - 1),    tr Σ = b n (s - m) / (n - 1)

    Args:
        gradients: ``[n, P]``, n at least 2.
        batch_size: b.

    Raises:
        ValueError: If there are fewer than two gradients.

    Reference:
        McCandlish et al. (2018), An empirical model of large-batch training, arXiv:1812.06162, appendix A.

    Example:
        >>> import torch
        >>> noise_scale(torch.tensor([[1.0, 1.0], [1.0, -1.0]]), batch_size=4)
        NoiseScale(signal=0.0, noise=8.0)
    """
    count = len(gradients)
    if count < 2:
        raise ValueError(f"a noise scale needs at least 2 gradients; given {count}")
    mean_square = float(gradients.double().square().sum(1).mean())
    square_of_mean = float(gradients.double().mean(0).square().sum())
    signal = (count * square_of_mean - mean_square) / (count - 1)
    return NoiseScale(signal, batch_size * count * (mean_square - square_of_mean) / (count - 1))
