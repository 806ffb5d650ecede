"""What an outcome shows beside its loss: that the loss went up, or that the training data is memorised.

The trials of a check so far, and what they say of full trainings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from surefoot.checking.neighbourhood import Neighbourhood, Setting
from surefoot.surrogate.surrogate import LossScale, Observation, Surrogate, realised_share
from surefoot.trainers.trial import Outcome


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
        >>> from surefoot.trainers.trial import Curve
        >>> train_share(Outcome(0.5, train=Curve((10,), (0.05,)))), train_share(Outcome(0.6))
        (0.1, None)
    """
    train = outcome.train_end
    return train / outcome.loss if train is not None and train >= 0.0 and outcome.ok and outcome.loss > 0.0 else None


# Losses that differ by less than this share are as good as equal: nothing was learnt at either, or nothing differs.
EQUAL = 0.01
# A loss that is so far above another, in logarithms, is no noise of a seed.
FAR_ABOVE = 0.4
# The training data is memorised where the training loss is this share of the validation loss; a share that is larger
# than the other is noise.
MEMORISED, APART = 0.25, 0.7
# A change may go so many times as far as what is memorised.
PAST = 2.0
# With longer trials of so many settings the shortest are left out: what a few steps make of a setting says least.
ENOUGH_SETTINGS = 5


@dataclass(frozen=True, slots=True)
class CheckTrial:
    """A trial of a check, and what came of it.

    Attributes:
        setting: Learning rate and momentum.
        steps: Length of the training.
        seed: Its seed.
        loss: Validation loss at the end; ``inf`` where it diverged or failed.
        diverged_at: Step of the first loss that was not finite.
        went_up: Whether it ended above the loss before training, in the training loss too where that is known.
        train_share: Its training loss at the end over its validation loss; ``None`` where that is not known.
    """

    setting: Setting
    steps: int
    seed: int
    loss: float
    diverged_at: int | None = None
    went_up: bool = False
    train_share: float | None = None

    @property
    def diverged(self) -> bool:
        """Whether it has no loss at its end."""
        return not math.isfinite(self.loss)


@dataclass(slots=True)
class Evidence:
    """What is known.

    Attributes:
        neighbourhood: The recipe and the settings around it.
        full_steps: Length of a full training.
        seed: The first seed; others follow it.
        trials: In the order in which they were run.
        untrained: A trial that is too short and slow to learn: its loss is that before training.
    """

    neighbourhood: Neighbourhood
    full_steps: int
    seed: int = 0
    trials: list[CheckTrial] = field(default_factory=list)
    untrained: CheckTrial | None = None

    def of(self, setting: Setting) -> list[CheckTrial]:
        """Return the trials of a setting."""
        return [trial for trial in self.trials if trial.setting == setting]

    def at(self, steps: int, *, seed: int | None = None) -> list[CheckTrial]:
        """Return the trials of a length, on the first seed unless another is named."""
        wanted = self.seed if seed is None else seed
        return [trial for trial in self.trials if (trial.steps, trial.seed) == (steps, wanted)]

    def loss(self, setting: Setting, steps: int, seed: int) -> float | None:
        """Return a loss that is known."""
        return next((each.loss for each in self.of(setting) if (each.steps, each.seed) == (steps, seed)), None)

    @property
    def own(self) -> list[CheckTrial]:
        """The trials of the recipe itself."""
        return self.of(self.neighbourhood.own)

    @property
    def longest_own(self) -> CheckTrial:
        """The recipe's own longest trial, on the first seed where there are several."""
        return max(self.own, key=lambda trial: (trial.steps, -trial.seed))

    @property
    def anything_learns(self) -> bool:
        """Whether any trial came to its end."""
        return any(not trial.diverged for trial in self.trials)

    @property
    def config_steps(self) -> int:
        """What all trials cost."""
        return sum(trial.steps for trial in self.trials) + (0 if self.untrained is None else self.untrained.steps)

    def is_lost(self, setting: Setting) -> bool:
        """Tell whether a setting diverged, or one that goes less far did in a trial at least as long as its own.

        That is a lower rate at the same momentum, or at another momentum half the rate and half the effective rate.
        """
        longest = max((trial.steps for trial in self.of(setting) if not trial.diverged), default=0)
        return any(
            trial.diverged
            and trial.steps >= longest
            and (trial.setting == setting or self._goes_less_far(trial.setting, setting))
            for trial in self.trials
        )

    def has_failed(self, setting: Setting) -> bool:
        """Tell whether a setting diverged, or ended far above the recipe, in its longest trial."""
        if setting == self.neighbourhood.own:
            return False
        trials = self.of(setting)
        longest = max(trial.steps for trial in trials)
        if any(trial.diverged for trial in trials if trial.steps == longest):
            return True
        pairs = [pair for pair in self.pairs(setting) if pair[0].steps == longest]
        return len(trials) > len(pairs) > 0 and all(is_far_above(other.loss, mine.loss) for mine, other in pairs)

    @property
    def furthest(self) -> float:
        """How far a change may go: no further than the recipe itself, or than twice as far as what is memorised.

        How far a training goes is its effective rate times its steps. What is memorised after a short trial is so
        after a training that goes as far, and going on from there makes it no better: that the short trial ended lower
        than the recipe's says nothing of full trainings.
        """
        memorised = min(map(self._memorised_after, self.trials), default=math.inf)
        return max(self.progress(self.neighbourhood.own, self.full_steps), PAST * memorised)

    def compared_in_full(self, setting: Setting) -> bool:
        """Tell whether a setting was trained in full beside the recipe."""
        return any(pair[0].steps == self.full_steps for pair in self.pairs(setting))

    def _memorised_after(self, trial: CheckTrial) -> float:
        """Return how far a training goes until the training data is memorised, as a trial shows it.

        The share of the validation loss that the training loss is falls exponentially on the way.
        """
        share = trial.train_share
        if share is None or share > APART:
            return math.inf
        further = math.log(MEMORISED) / math.log(max(share, 1e-9))
        return max(1.0, further) * self.progress(trial.setting, trial.steps)

    def progress(self, setting: Setting, steps: int) -> float:
        """Return how far a training goes: the effective rate that it realises times its steps."""
        rate, memory = (math.exp(each) for each in self.neighbourhood.features(setting))
        return rate * float(realised_share(np.array(memory), np.array(steps))) * steps

    def pairs(self, setting: Setting) -> list[tuple[CheckTrial, CheckTrial]]:
        """Return the recipe's and a setting's trials of one length and seed, at the longest length both were run at."""
        both = [
            (mine, other)
            for mine in self.own
            for other in self.of(setting)
            if (mine.steps, mine.seed) == (other.steps, other.seed)
        ]
        longest = max((mine.steps for mine, _ in both), default=0)
        return [pair for pair in both if pair[0].steps == longest]

    def observations(self) -> list[Observation]:
        """Return the trials as the surrogate sees them.

        What is common to all trials of a seed is taken out. A setting that failed in a longer trial counts as failed in
        the shorter ones too: their losses say nothing of it, and must not be what others are measured by.
        """
        trials = self._telling()
        scale = LossScale.of([trial.loss for trial in trials])
        shifts = {key: self._shift(*key, scale) for key in {(trial.steps, trial.seed) for trial in trials}}
        found = []
        failed = {trial.setting for trial in trials if self.has_failed(trial.setting)}
        for trial in trials:
            loss = math.inf if trial.setting in failed else trial.loss
            if math.isfinite(loss):
                loss = scale.loss(scale.value(loss) - shifts[trial.steps, trial.seed])
            found.append(Observation(self.neighbourhood.features(trial.setting), trial.steps, loss))
        return found

    def _telling(self) -> list[CheckTrial]:
        """Return the trials from which the surrogate is made."""
        shortest = min(trial.steps for trial in self.trials)
        longer = [trial for trial in self.trials if trial.steps > shortest and not trial.diverged]
        enough = len({trial.setting for trial in longer}) >= ENOUGH_SETTINGS
        return [trial for trial in self.trials if trial.steps > shortest] if enough else self.trials

    def surrogate(self) -> Surrogate | None:
        """Return the surrogate of all trials, ``None`` where none came to its end."""
        generator = np.random.default_rng([self.seed, len(self.trials)])
        return Surrogate.fit(self.observations(), full_steps=self.full_steps, generator=generator)

    def nothing_differs(self) -> bool:
        """Tell whether all trials of a length that came to their end ended alike."""
        return all(
            _alike([trial.loss for trial in self.trials if trial.steps == steps and not trial.diverged])
            for steps in {trial.steps for trial in self.trials}
        )

    def _shift(self, steps: int, seed: int, scale: LossScale) -> float:
        """Return how much higher, on the scale, losses of a seed are than those of the first, settings being equal."""
        first = {trial.setting: trial.loss for trial in self.at(steps) if not trial.diverged}
        other = {trial.setting: trial.loss for trial in self.at(steps, seed=seed) if not trial.diverged}
        gaps = [scale.value(other[each]) - scale.value(first[each]) for each in first.keys() & other.keys()]
        return float(np.median(gaps)) if gaps else 0.0

    def _goes_less_far(self, first: Setting, second: Setting) -> bool:
        if first.momentum == second.momentum:
            return first.lr <= second.lr
        (rate, _), (further, _) = (self.neighbourhood.features(each) for each in (first, second))
        return 2 * first.lr <= second.lr and rate + math.log(2.0) <= further


def best_of(trials: Sequence[CheckTrial]) -> CheckTrial:
    """Return the trial to go on from: the lowest loss; where losses tie, the highest rate, which may yet learn.

    Where all diverged or ended above the loss before training, it is the one of the lowest rate.
    """
    ended = [trial for trial in trials if not trial.diverged]
    if ended and _alike([trial.loss for trial in ended]):
        return max(ended, key=lambda trial: trial.setting.lr)
    learnt = [trial for trial in ended if not trial.went_up]
    if not learnt:
        return min(trials, key=lambda trial: trial.setting.lr)
    return min(learnt, key=lambda trial: trial.loss)


def is_far_above(loss: float, other: float) -> bool:
    """Tell whether a loss is above another by more than seeds explain.

    Example:
        >>> is_far_above(1.6, 1.0), is_far_above(1.2, 1.0), is_far_above(math.inf, 1.0)
        (True, False, True)
    """
    if not math.isfinite(loss) or not math.isfinite(other):
        return math.isfinite(other)
    return loss > other + math.expm1(FAR_ABOVE) * abs(other)


def is_alike(loss: float, other: float) -> bool:
    """Tell whether two losses are as good as equal."""
    return _alike([loss, other])


def _alike(losses: Sequence[float]) -> bool:
    return not losses or max(losses) - min(losses) <= EQUAL * max(abs(loss) for loss in losses)
