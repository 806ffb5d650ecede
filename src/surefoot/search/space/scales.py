"""On which scale a search spreads each hyperparameter of the optimizers."""

from __future__ import annotations

from surefoot.optimizers import RULES
from surefoot.search.space.axes import Scale

# Hyperparameters that average over 1 / (1 - value) steps, and those that may be 0; the others are tried by factors.
AVERAGING = ("beta2", "alpha", "rho")
FROM_ZERO = ("dampening", "momentum_decay", "beta2_decay", "lr_decay", "initial_accumulator")
# What has an axis or a field of its own in a search space.
NAMED = ("lr", "momentum", "beta1", "weight_decay")
HYPER = tuple(dict.fromkeys(spec.name for rule in RULES.values() for spec in rule.hyperparameters))
OTHER_HYPER = tuple(name for name in HYPER if name not in NAMED)


def scale_of(hyperparameter: str) -> Scale:
    """Return the scale on which a hyperparameter is searched.

    Example:
        >>> scale_of("beta2"), scale_of("eps"), scale_of("dampening")
        ('memory', 'log', 'linear')
    """
    if hyperparameter in AVERAGING:
        return "memory"
    return "linear" if hyperparameter in FROM_ZERO else "log"
