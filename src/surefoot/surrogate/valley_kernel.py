"""The kernel of the surrogate: the covariance of losses over learning rate, momentum, training length and other axes.

The features of a setting are logarithms: u of the effective rate lr / (1 - momentum), m of the momentum's memory
1 / (1 - momentum), t of the length as a share of the full training. Other axes follow, scaled to a few units. Along u
the loss has a valley, whose floor shifts with the memory and with the number of steps,

    u' = u + a m + b t

    k = offset(t, t') + s² R(u' / l_u) R(m / l_m) R(others) (ρ + (1 - ρ) R(t / l_t)),   R(d) = exp(-d² / 2)

with a, b, s and the length scales unknown. ``offset`` lets the loss fall or rise with the length of training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from surefoot.surrogate.gaussian_process import Array, Prior

# Settings of the kernel as (name, prior mean, prior standard deviation); all but the slopes and the growth are
# logarithms. The priors were chosen on five development tasks (ADR 0020).
LOG_SPREAD = ("log spread", np.log(0.25), 0.4)
LOG_RATE_LENGTH = ("log length along u", np.log(1.5), 0.35)
LOG_MEMORY_LENGTH = ("log length along m", np.log(2.0), 0.4)
MEMORY_SLOPE = ("slope in m", -0.3, 0.25)
STEPS_SLOPE = ("slope in t", 0.0, 0.08)
LOG_STEPS_LENGTH = ("log length along t", np.log(2.5), 0.4)
LOG_NOISE = ("log noise", np.log(0.06), 0.5)
LOG_LEVEL = ("log level change per unit of t", np.log(0.3), 0.5)
GROWTH = ("growth of the spread per unit of t", 0.2, 0.15)
COMMON_SETTINGS = (
    LOG_SPREAD, LOG_RATE_LENGTH, LOG_MEMORY_LENGTH, MEMORY_SLOPE, STEPS_SLOPE, LOG_STEPS_LENGTH, LOG_NOISE, LOG_LEVEL,
    GROWTH,
)  # fmt: skip
LOG_OTHER_LENGTH = ("log length along another axis", np.log(2.0), 0.6)
# Share of the shape of the loss, ρ, that is the same at every length of training.
SHAPE_SHARED_ACROSS_LENGTHS = 0.6
# Standard deviation of the level of all losses, so large that any level is possible.
LEVEL_DEVIATION = 3.0
# Columns of the points.
RATE, MEMORY, STEPS, FIRST_OTHER = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class ValleyKernel:
    """The covariance of this module, for points ``[n, 3 + others]`` of u, m, t and the other axes.

    Attributes:
        others: Number of other axes.
    """

    others: int = 0

    @property
    def prior(self) -> Prior:
        """The prior of the kernel's settings."""
        rows = [*COMMON_SETTINGS, *[LOG_OTHER_LENGTH] * self.others]
        return Prior(np.array([row[1] for row in rows]), np.array([row[2] for row in rows]))

    def noise(self, settings: Array) -> Array:
        """Return the standard deviation of the noise of a single training, for settings ``[S, P]``: ``[S, 1]``."""
        return np.exp(settings[:, COMMON_SETTINGS.index(LOG_NOISE), None])

    def __call__(self, settings: Array, one: Array, other: Array) -> Array:
        """Return the covariances of points ``[n, D]`` and ``[m, D]`` for settings ``[S, P]``: ``[S, n, m]``."""
        spread, rate, memory, lean, drift, length, _, level, growth = settings.T[: len(COMMON_SETTINGS), :, None, None]
        gap_m, gap_t = (one[:, None, axis] - other[None, :, axis] for axis in (MEMORY, STEPS))
        gap_u = one[:, None, RATE] - other[None, :, RATE] + lean * gap_m + drift * gap_t
        distance = (gap_u / np.exp(rate)) ** 2 + (gap_m / np.exp(memory)) ** 2
        for number in range(self.others):
            scale = np.exp(settings[:, len(COMMON_SETTINGS) + number])[:, None, None]
            axis = FIRST_OTHER + number
            distance = distance + ((one[:, None, axis] - other[None, :, axis]) / scale) ** 2
        across = np.exp(-0.5 * (gap_t / np.exp(length)) ** 2)
        scale = np.exp(2.0 * spread + growth * (one[:, None, STEPS] + other[None, :, STEPS]))
        valley = (
            scale
            * np.exp(-0.5 * distance)
            * (SHAPE_SHARED_ACROSS_LENGTHS + (1.0 - SHAPE_SHARED_ACROSS_LENGTHS) * across)
        )
        both = one[:, None, STEPS] * other[None, :, STEPS]
        offset = LEVEL_DEVIATION**2 + np.exp(2.0 * level) * (both + across)
        covariances: Array = valley + offset
        return covariances

    def diagonal(self, settings: Array, points: Array) -> Array:
        """Return the variances at points ``[n, D]`` for settings ``[S, P]``: ``[S, n]``."""
        spread, level, growth = (
            settings[:, COMMON_SETTINGS.index(setting), None] for setting in (LOG_SPREAD, LOG_LEVEL, GROWTH)
        )
        steps = points[None, :, STEPS]
        valley = np.exp(2.0 * (spread + growth * steps))
        variances: Array = valley + LEVEL_DEVIATION**2 + np.exp(2.0 * level) * (steps**2 + 1.0)
        return variances
