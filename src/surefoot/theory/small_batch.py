"""Where to look for the largest usable learning rate of training on mini-batches: a prior, never a limit."""

from __future__ import annotations

from surefoot.theory.stability import Number, require_defined


def small_batch_prior(sharpness: Number, *, momentum: float) -> Number:
    """Return a guess at the largest learning rate that mini-batch training with momentum can use.

        2 (1 - momentum) / sharpness

    At small batches the velocity averages gradients that have little in common, and training acts like plain descent
    with the rate lr / (1 - momentum); this is where that rate meets 2 / sharpness. It is no theorem: the theory speaks
    of the mini-batches' own sharpness, here the full loss's at the start stands in for it, and sharpness moves in
    training. On the tasks tried, up to momentum 0.95, the largest rate that trained was 0.6 to 8 times as large, and 20
    times at momentum 0.98 on digits.

    Args:
        sharpness: Top eigenvalue of the training loss's Hessian, > 0; a number or an array of any shape.
        momentum: In [0, 1).

    Returns:
        The prior, of the shape of ``sharpness``.

    Raises:
        RecipeError: If momentum is outside [0, 1), or a sharpness is not above 0.

    Reference:
        The edge of stability of stochastic descent with momentum (2026), arXiv:2604.14108.

    Example:
        >>> small_batch_prior(2.0, momentum=0.5)
        0.5
    """
    require_defined(sharpness, momentum)
    return 2.0 * (1.0 - momentum) / sharpness
