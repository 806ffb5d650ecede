"""What an outcome shows beside its loss: that the loss went up, or that the training data is memorised."""

from __future__ import annotations

from surefoot.checking.evidence import is_alike
from surefoot.trainers.outcome import Outcome


def went_up(outcome: Outcome, before: Outcome) -> bool:
    """Tell whether a trial ended above the loss before training, in the training loss too where both are known.

    Example:
        >>> went_up(Outcome(2.8), Outcome(2.3)), went_up(Outcome(0.3), Outcome(2.3))
        (True, False)
    """
    if not outcome.ok or not before.ok or is_alike(outcome.loss, before.loss):
        return False
    ends = outcome.train_end, before.train_end
    learnt = ends[0] is not None and ends[1] is not None and ends[0] < ends[1]
    return outcome.loss > before.loss and not learnt


def train_share(outcome: Outcome) -> float | None:
    """Return a trial's training loss at its end over its validation loss; ``None`` where either is unknown or below 0.

    Example:
        >>> from surefoot.trainers import Curve
        >>> train_share(Outcome(0.5, train=Curve((10,), (0.05,)))), train_share(Outcome(0.6))
        (0.1, None)
    """
    train = outcome.train_end
    return train / outcome.loss if train is not None and train >= 0.0 and outcome.ok and outcome.loss > 0.0 else None
