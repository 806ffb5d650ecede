"""Runs the trials of a check: the loss before training, and round by round what is asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from surefoot.checking.evidence import CheckTrial, Evidence, train_share, went_up
from surefoot.checking.neighbourhood import Setting
from surefoot.checking.result import OwnTraining
from surefoot.checking.rounds import Round
from surefoot.core.errors import TaskError
from surefoot.core.progress import Progress
from surefoot.schedules.composition import digits
from surefoot.studies.ledger import Ledger
from surefoot.surrogate.rungs import FEWEST_STEPS
from surefoot.trainers.trial import Outcome, Trial

# What the learning rate is multiplied by to learn nothing.
UNTRAINED_RATE = 1e-6
# Where so many trials failed, and more than came to their end, nothing is judged.
MOST_FAILED = 3


@dataclass(slots=True)
class Runner:
    """Runs the rounds of a check and keeps what came of them.

    Attributes:
        ledger: Runs trials, unless they are recorded.
        evidence: Receives them.
        progress: Receives what happens.
        trained_steps: Config-steps of the rounds that were trained, not looked up.
    """

    ledger: Ledger
    evidence: Evidence
    progress: Progress
    trained_steps: int = 0
    _outcomes: dict[tuple[Setting, int, int], Outcome] = field(default_factory=dict)
    _before: Outcome = field(default_factory=lambda: Outcome(math.inf))
    _rounds: int = 0

    def begin(self) -> None:
        """Measure the loss before training: by a trial of a few steps whose learning rate is next to nothing.

        Raises:
            TaskError: If it failed for another reason than divergence.
            Interrupted: If asked to stop.
        """
        neighbourhood, seed = self.evidence.neighbourhood, self.evidence.seed
        setting = Setting(digits(UNTRAINED_RATE * neighbourhood.own.lr), neighbourhood.own.momentum)
        steps = min(FEWEST_STEPS, self.evidence.full_steps)
        self.progress.stage("the loss before training", config_steps=steps)
        trial = Trial(neighbourhood.recipe_at(setting), steps, seed)
        (self._before,) = self.ledger.run(f"check of {neighbourhood.recipe}, before training", [trial])
        self._require_run(self._before)
        self.evidence.untrained = CheckTrial(setting, steps, seed, _loss(self._before), self._before.diverged_at)

    def run(self, each: Round) -> None:
        """Run a round.

        Raises:
            TaskError: If the recipe's own trial failed for another reason than divergence.
            Interrupted: If asked to stop.
        """
        neighbourhood = self.evidence.neighbourhood
        self._rounds += 1
        count = len(each.settings)
        trials_text = f"{count} trial{'s' * (count > 1)} of {each.steps} steps"
        self.progress.stage(trials_text, config_steps=each.config_steps)
        trials = [Trial(neighbourhood.recipe_at(setting), each.steps, each.seed) for setting in each.settings]
        self.trained_steps += each.steps * sum(not self.ledger.knows(trial) for trial in trials)
        outcomes = self.ledger.run(f"check of {neighbourhood.recipe}, round {self._rounds}", trials)
        for setting, outcome in zip(each.settings, outcomes, strict=True):
            if setting == neighbourhood.own:
                self._require_run(outcome)
            self._outcomes[setting, each.steps, each.seed] = outcome
            trial = CheckTrial(
                setting,
                each.steps,
                each.seed,
                _loss(outcome),
                outcome.diverged_at,
                went_up(outcome, self._before),
                train_share(outcome),
            )
            self.evidence.trials.append(trial)
        self._require_most(outcomes)

    def _require_run(self, outcome: Outcome) -> None:
        if outcome.failure is not None:
            raise TaskError(f"the training of {self.evidence.neighbourhood.recipe} failed: {outcome.failure}")

    def _require_most(self, outcomes: Sequence[Outcome]) -> None:
        """Make sure that what trains is not broken: most of a round failed, and most of all trials.

        Raises:
            TaskError: If it is.
        """
        failures = [each.failure for each in outcomes if each.failure is not None]
        failed = sum(each.failure is not None for each in self._outcomes.values())
        if len(failures) > len(outcomes) / 2 and failed >= MOST_FAILED and failed > len(self._outcomes) / 2:
            raise TaskError(f"{failed} of {len(self._outcomes)} trials failed; the last: {failures[-1]}")

    def own_training(self) -> OwnTraining:
        """Return the recipe's longest trial."""
        longest = self.evidence.longest_own
        outcome = self._outcomes[longest.setting, longest.steps, longest.seed]
        return OwnTraining(longest.steps, longest.seed, longest.loss, longest.diverged_at, outcome.train, outcome.valid)


def _loss(outcome: Outcome) -> float:
    return outcome.loss if outcome.ok else math.inf
