"""No sentence of a check contradicts its verdict, its numbers or its table, whatever the losses of the trials."""

import math
import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.made_up_trainers import MadeUpTrainer

from surefoot.checking.check import check
from surefoot.trainers.trial import Outcome

FAULTS = {"lr_too_high", "lr_too_low", "momentum_too_high", "momentum_too_low"}
SAVES = re.compile(r"expected to save (-?[\d.]+) %|less than 1 %")


@st.composite
def loss_functions(draw):
    """A function trial -> loss: a valley, a cliff, noise, short trials that mislead, offsets."""
    best, bend = draw(st.floats(-7, 3)), draw(st.floats(0.0, 1.0))
    lean, noise = draw(st.floats(-0.3, 0.3)), draw(st.sampled_from([0.0, 0.02, 0.1, 0.5]))
    cliff, drift = draw(st.floats(0.5, 8)), draw(st.floats(-1, 1))
    offset, high = draw(st.sampled_from([0.0, 0.0, -1.0])), draw(st.sampled_from([0.2, 3.0, 1e4]))

    def loss(trial):
        recipe = trial.recipe
        memory = -math.log1p(-recipe.momentum.highest)
        rate = math.log(recipe.lr.highest) + memory
        away = rate - best - drift * math.log(trial.steps / 256)
        if away > cliff:
            return Outcome(math.inf, diverged_at=trial.steps // 2)
        key = [trial.seed, trial.steps, abs(hash((round(rate, 6), round(memory, 6)))) % 2**31]
        value = high * math.exp(-8 * (1 - math.tanh(bend * away**2 / 8))) + lean * lean * memory
        return Outcome(value * math.exp(noise * np.random.default_rng(key).normal()) + offset)

    return loss


@settings(max_examples=60)
@given(loss_functions(), st.floats(-8, 2), st.sampled_from([0.0, 0.9, 0.99]), st.sampled_from(["auto", "1x", "4x"]))
def test_no_sentence_contradicts_the_verdict_or_the_trials(loss, log_lr, momentum, budget):
    result = check(MadeUpTrainer(loss), f"sgd(lr={math.exp(log_lr):.4g}, momentum={momentum})", budget=budget)
    first = result.findings[0]
    assert 0.0 <= first.confidence <= 1.0
    assert result.config_steps <= result.budget * result.steps
    own = [trial for trial in result.trials if trial.hyperparameters == result.current]
    others = [trial for trial in result.trials if trial.hyperparameters == result.advised]
    saved = [float(found) for found in SAVES.findall(first.why) if found]
    if first.verdict in FAULTS:
        assert result.recipe != result.checked_recipe
        assert first.confidence >= 0.9
        assert first.expected_saving > 0.05 * first.confidence
        assert saved
        assert all(abs(share - 100 * first.expected_saving) < 1.0 for share in saved)
        # In the longest trials that both had, the advised setting ended lower; it diverged in none.
        pairs = [(a, b) for a in own for b in others if (a.steps, a.seed) == (b.steps, b.seed)]
        longest = max(a.steps for a, _ in pairs)
        assert sum(b.loss for a, b in pairs if a.steps == longest) < sum(a.loss for a, _ in pairs if a.steps == longest)
        assert not any(trial.diverged and trial.steps >= longest for trial in others)
    if first.verdict in ("lr_too_high", "lr_too_low"):
        lower = result.advised.lr < result.current.lr
        assert lower == (first.verdict == "lr_too_high")
        assert first.why.startswith("Lowering" if lower else "Raising")
    if first.verdict in ("healthy", "unknown", "plateau"):
        assert result.recipe == result.checked_recipe
        assert first.advice == {}
    if first.verdict == "healthy":
        assert all(share <= 5.0 for share in saved)
        assert all(stake.probability <= 0.1 + 1e-9 for stake in result.savings)
        _require_nothing_far_lower(result, own)
    if first.verdict == "diverged" and result.recipe != result.checked_recipe:
        assert not any(trial.diverged and trial.steps >= max(o.steps for o in others) for trial in others)
    if math.isinf(result.recipe_training.loss):
        assert first.verdict == "diverged"


def _require_nothing_far_lower(result, own):
    """No neighbour ended far below the recipe on all seeds of the recipe's longest trials."""
    longest = max(trial.steps for trial in own)
    for setting in {trial.hyperparameters for trial in result.trials} - {result.current}:
        losses = {t.seed: t.loss for t in result.trials if t.hyperparameters == setting and t.steps == longest}
        mine = [t.loss for t in own if t.steps == longest and t.seed in losses]
        if losses and len(mine) == len(losses):
            noise = 1.5 * result.noise * math.sqrt(2 / len(mine))
            assert np.mean(mine) - np.mean([*losses.values()]) <= (0.05 + noise) * abs(np.mean(mine)) + 1e-12
