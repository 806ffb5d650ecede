"""Ray Tune: ASHA over random settings, one trial a core at a time, workers kept for the next trial."""

from __future__ import annotations

import logging
import math
import os
import tempfile
from pathlib import Path

# No usage statistics, and no warnings about the progress bar: set before Ray is imported.
os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AIR_NEW_OUTPUT": "0", "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1"}

import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler

from benchmarks.contestants.program import Call, Trials
from benchmarks.contestants.ray_worker import REPORTS, train
from benchmarks.contestants.space import MOMENTUM, RATE, recipe_text

MOST_TRIALS = 100
ROOT = Path(__file__).parents[2]


class Teller(tune.Callback):
    """Prints where the search stands whenever a trial ends."""

    def __init__(self) -> None:
        self.trials = Trials()

    def on_trial_complete(self, iteration: int, trials: list, trial: tune.experiment.Trial, **_: object) -> None:  # noqa: ARG002
        result = trial.last_result or {}
        complete = result.get("training_iteration") == REPORTS
        recipe = recipe_text(trial.config["lr"], trial.config["momentum"])
        self.trials.ended(recipe, result.get("loss", math.inf), complete=complete)


def main() -> None:
    call = Call.read()
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    ray.init(
        include_dashboard=False,
        logging_level=logging.ERROR,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": paths}},
    )
    space = {"lr": tune.loguniform(*RATE), "momentum": tune.uniform(*MOMENTUM)}
    with tempfile.TemporaryDirectory() as folder:
        found = tune.Tuner(
            tune.with_resources(train, {"cpu": 1}),
            param_space={**space, "task": call.task, "seed": call.seed},
            tune_config=tune.TuneConfig(
                metric="loss",
                mode="min",
                scheduler=ASHAScheduler(max_t=REPORTS, grace_period=1, reduction_factor=3),
                search_alg=tune.search.BasicVariantGenerator(random_state=call.seed),
                num_samples=MOST_TRIALS,
                time_budget_s=call.seconds_left,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(storage_path=folder, verbose=0, callbacks=[Teller()]),
        ).fit()
        for error in found.errors:
            raise error
    ray.shutdown()


if __name__ == "__main__":
    main()
