from tests.unit.explanation.made_up_experiments import experiment, sweep

from surefoot.explanation.experiment_results import SGD_WITH_MOMENTUM
from surefoot.explanation.result import compare_lr_and_momentum


def test_the_comparison_of_lr_and_momentum_has_the_numbers_of_the_experiment():
    rows = compare_lr_and_momentum(experiment())
    assert [row.respect for row in rows] == ["Purpose", "Effect on training", "Impact", "Adjustment"]
    assert "0.1 (" in rows[0].lr
    assert rows != compare_lr_and_momentum(experiment(sweep(SGD_WITH_MOMENTUM, best=0.01)))
