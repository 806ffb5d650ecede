"""What an outcome shows beside its loss: that the loss went up, or that the training data is memorised."""

from __future__ import annotations

from surefoot.checking.evidence import is_alike
from surefoot.trainers import Outcome

# A training loss below this share of the validation loss: the training data is memorised.
MEMORISED = 0.25


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


def has_memorised(outcome: Outcome) -> bool:
    """Tell whether a trial's training loss ended far below its validation loss.

    Example:
        >>> from surefoot.trainers import Curve
        >>> has_memorised(Outcome(0.6, train=Curve((10,), (0.05,)))), has_memorised(Outcome(0.6))
        (True, False)
    """
    train = outcome.train_end
    return train is not None and outcome.ok and 0.0 <= train < MEMORISED * outcome.loss
