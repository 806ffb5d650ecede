import dataclasses

import numpy as np
import pytest
import torch

from surefoot.core.progress import Interrupted, SilentProgress, never_stop
from surefoot.explanation.experiment_runners import SurfaceExperimentRunner, SurfaceSubject, random_start
from surefoot.recipe.recipe import Recipe
from surefoot.surfaces import surface_named


def test_losses_on_a_surface_are_those_of_the_descent_above_the_lowest():
    well = SurfaceSubject(surface_named("double-well"), 30)
    runner = SurfaceExperimentRunner(range(3, 5), SilentProgress(), never_stop)
    recipes = [Recipe.parse("sgd(lr=0.1, momentum=0.9)"), Recipe.parse("sgd(lr=50)")]
    losses, final_losses = runner.loss_curves(well, recipes)
    assert losses.shape == (2, 2, 30)
    assert runner.config_steps == 2 * 2 * 30
    (start,) = random_start(well.surface, torch.Generator().manual_seed(3))
    assert losses[0, 0, 0] == pytest.approx((start**2 - 1) ** 2 / 4 + 0.2 * start - well.surface.lowest)
    assert not np.isfinite(final_losses[1]).any()
    assert (losses[0] >= 0).all()
    with pytest.raises(Interrupted):
        dataclasses.replace(runner, stop=lambda: True).loss_curves(well, recipes)
