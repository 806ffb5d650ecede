"""Runs the trials of a check: one that measures the loss before training, and then round by round."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from surefoot.checking.neighbourhood import LrAndMomentum
from surefoot.checking.result import RecipeTraining
from surefoot.checking.trial_choice import Round
from surefoot.checking.trial_history import CheckTrial, TrialHistory, ended_above_initial_loss, train_to_valid_ratio
from surefoot.core.errors import TaskError
from surefoot.core.progress import Progress
from surefoot.schedules.scanner import rounded_number
from surefoot.studies.study_session import TrialRecorder
from surefoot.surrogate.rung_lengths import MIN_SCHEDULE_STEPS
from surefoot.trainers.trial import Outcome, Trial

# Factor on the learning rate with which the loss before training is measured: the trial learns next to nothing. Chosen.
UNTRAINED_LR_FACTOR = 1e-6
# The check ends with an error once this many trials raised an error, and more than did not: the training itself is
# broken. Chosen.
MIN_FAILED_TO_STOP = 3


@dataclass(slots=True)
class RoundRunner:
    """Runs the rounds of a check and keeps their outcomes.

    Attributes:
        recorder: Runs the trials that are not recorded yet, and records them.
        history: Receives the trials.
        progress: Receives the stages.
        trained_steps: Config-steps that were trained in rounds; trials that were recorded before do not count.
    """

    recorder: TrialRecorder
    history: TrialHistory
    progress: Progress
    trained_steps: int = 0
    _outcomes: dict[tuple[LrAndMomentum, int, int], Outcome] = field(default_factory=dict)
    _untrained: Outcome = field(default_factory=lambda: Outcome(math.inf))
    _rounds: int = 0

    def measure_initial_loss(self) -> None:
        """Measure the loss before training, by a trial of a few steps at a learning rate of next to nothing.

        Raises:
            TaskError: If the trial failed for another reason than divergence.
            Interrupted: If asked to stop.
        """
        neighbourhood, seed = self.history.neighbourhood, self.history.seed
        lr = rounded_number(UNTRAINED_LR_FACTOR * neighbourhood.current.lr)
        hyperparameters = LrAndMomentum(lr, neighbourhood.current.momentum)
        steps = min(MIN_SCHEDULE_STEPS, self.history.full_steps)
        self.progress.stage("the loss before training", config_steps=steps)
        trial = Trial(neighbourhood.recipe_at(hyperparameters), steps, seed)
        (outcome,) = self.recorder.run(f"check of {neighbourhood.recipe}, before training", [trial])
        self._require_no_error(outcome)
        self._untrained = outcome
        self.history.untrained = CheckTrial(hyperparameters, steps, seed, _loss(outcome), outcome.diverged_at)

    def run(self, each: Round) -> None:
        """Run a round and add its trials to the history.

        Raises:
            TaskError: If the recipe's own trial, or most of all trials, failed for another reason than divergence.
            Interrupted: If asked to stop.
        """
        recipe, recipe_at = self.history.neighbourhood.recipe, self.history.neighbourhood.recipe_at
        self._rounds += 1
        count = len(each.candidates)
        stage = f"{count} trial{'s' * (count > 1)} of {each.steps} steps"
        self.progress.stage(stage, config_steps=each.config_steps)
        trials = [Trial(recipe_at(hyperparameters), each.steps, each.seed) for hyperparameters in each.candidates]
        self.trained_steps += each.steps * sum(not self.recorder.knows(trial) for trial in trials)
        outcomes = self.recorder.run(f"check of {recipe}, round {self._rounds}", trials)
        for hyperparameters, outcome in zip(each.candidates, outcomes, strict=True):
            self._add(hyperparameters, outcome, steps=each.steps, seed=each.seed)
        self._require_most_without_error(outcomes)

    def recipe_training(self) -> RecipeTraining:
        """Return the recipe's longest trial with its learning curves."""
        trial = self.history.longest_recipe_trial
        outcome = self._outcomes[trial.hyperparameters, trial.steps, trial.seed]
        return RecipeTraining(trial.steps, trial.seed, trial.loss, trial.diverged_at, outcome.train, outcome.valid)

    def _add(self, hyperparameters: LrAndMomentum, outcome: Outcome, *, steps: int, seed: int) -> None:
        if hyperparameters == self.history.neighbourhood.current:
            self._require_no_error(outcome)
        self._outcomes[hyperparameters, steps, seed] = outcome
        self.history.trials.append(
            CheckTrial(
                hyperparameters,
                steps,
                seed,
                _loss(outcome),
                outcome.diverged_at,
                ended_above_initial_loss(outcome, before=self._untrained),
                train_to_valid_ratio(outcome),
            )
        )

    def _require_no_error(self, outcome: Outcome) -> None:
        if outcome.failure is not None:
            raise TaskError(f"the training of {self.history.neighbourhood.recipe} failed: {outcome.failure}")

    def _require_most_without_error(self, outcomes: Sequence[Outcome]) -> None:
        """Raise if most trials of the last round and most trials of the whole check raised an error.

        Raises:
            TaskError: If they did.
        """
        failures = [each.failure for each in outcomes if each.failure is not None]
        failed = sum(each.failure is not None for each in self._outcomes.values())
        if len(failures) > len(outcomes) / 2 and failed >= MIN_FAILED_TO_STOP and failed > len(self._outcomes) / 2:
            raise TaskError(f"{failed} of {len(self._outcomes)} trials failed; the last: {failures[-1]}")


def _loss(outcome: Outcome) -> float:
    return outcome.loss if outcome.ok else math.inf
