"""Every claim on experiments with a known answer: its verdict changes with what the claim is about."""

import dataclasses
import json
import math

import numpy as np
import pytest
from tests.unit.explanation.made_up_experiments import ALL_VARIANTS, RATES, STEPS, experiment, sweep

from surefoot.core.errors import TaskError
from surefoot.explanation.claims import CLAIMS, assess_claims, require_known
from surefoot.explanation.experiment_results import (
    ADAM,
    PLAIN_SGD,
    RMSPROP,
    SGD_AT_ALL_MOMENTA,
    SGD_WITH_MOMENTUM,
    Variant,
)

COSINE, EXPONENTIAL = Variant(decay="cosine"), Variant(decay="exponential")
# The claims that depend on the experiment; the others are tested on a surface.
FROM_EXPERIMENT = [name for name, claim in CLAIMS.items() if claim.variants or claim.needs_stability]
HOLDS, FAILS, TOO_CLOSE = "holds", "does not hold here", "too close to call"


def assess(name, made_up):
    (claim,) = assess_claims(made_up, [name])
    assert claim.name == name
    return claim


def early_leader(variant=SGD_WITH_MOMENTUM):
    """Return trainings in which high rates lead at first and are overtaken."""
    base = sweep(variant)
    t = np.linspace(0.0, 1.0, STEPS)[None, None, :]
    final = base.losses[..., -1:]
    speed = np.minimum(RATES / 0.1, 10.0)[:, None, None] * 10.0
    return dataclasses.replace(base, losses=final + (2.0 - np.minimum(final, 2.0)) * np.exp(-speed * t))


def with_equal_effective_best_rates():
    """Return sweeps in which lr / (1 - momentum) alone decides."""
    return [sweep(variant, best=1.0 - variant.momentum) for variant in SGD_AT_ALL_MOMENTA]


@pytest.mark.parametrize(
    ("name", "made_up", "verdict"),
    [
        ("high-rate", experiment(early_leader()), HOLDS),
        ("high-rate", experiment(sweep(SGD_WITH_MOMENTUM)), FAILS),
        ("low-rate", experiment(sweep(SGD_WITH_MOMENTUM, curvature=1.0, oscillation=0.1)), HOLDS),
        ("low-rate", experiment(sweep(SGD_WITH_MOMENTUM, curvature=0.0, oscillation=0.05)), FAILS),
        ("middle-rate", experiment(), HOLDS),
        ("middle-rate", experiment(sweep(SGD_WITH_MOMENTUM, curvature=0.0)), FAILS),
        ("momentum-speed", experiment(sweep(PLAIN_SGD, speed=5.0)), HOLDS),
        ("momentum-speed", experiment(sweep(SGD_WITH_MOMENTUM, speed=5.0)), FAILS),
        ("momentum-speed", experiment(), FAILS),
        ("momentum-widens", experiment(stable_rates={("full", 0.9): 1.9}), HOLDS),
        ("momentum-widens", experiment(stable_rates={("full", 0.9): 0.5}), FAILS),
        ("momentum-widens", experiment(stable_rates={("small", 0.9): 1.9}), FAILS),
        ("momentum-narrows", experiment(stable_rates={("small", 0.9): 0.1}), HOLDS),
        ("momentum-narrows", experiment(stable_rates={("small", 0.9): 1.9}), FAILS),
        ("momentum-steadies", experiment(sweep(PLAIN_SGD, oscillation=0.2)), HOLDS),
        ("momentum-steadies", experiment(sweep(SGD_WITH_MOMENTUM, oscillation=0.9)), FAILS),
        ("momentum-replaces", experiment(), HOLDS),
        ("momentum-replaces", experiment(*with_equal_effective_best_rates()), FAILS),
        ("one-number", experiment(*with_equal_effective_best_rates()), HOLDS),
        ("one-number", experiment(), FAILS),
        ("adam-tuning", experiment(sweep(ADAM, curvature=0.5)), HOLDS),
        ("adam-tuning", experiment(sweep(SGD_WITH_MOMENTUM, curvature=0.5)), FAILS),
        ("rmsprop-tuning", experiment(sweep(RMSPROP, curvature=0.5)), HOLDS),
        ("rmsprop-tuning", experiment(sweep(ADAM, curvature=0.5)), FAILS),
        ("adam-speed", experiment(sweep(ADAM, speed=20.0), sweep(SGD_WITH_MOMENTUM, oscillation=0.02)), HOLDS),
        ("adam-speed", experiment(sweep(ADAM, oscillation=0.02), sweep(SGD_WITH_MOMENTUM, speed=20.0)), FAILS),
        ("rmsprop-speed", experiment(sweep(RMSPROP, speed=20.0), sweep(SGD_WITH_MOMENTUM, oscillation=0.02)), HOLDS),
        ("cosine-decay", experiment(sweep(COSINE, lowest=0.01)), HOLDS),
        ("cosine-decay", experiment(sweep(COSINE, lowest=0.04)), FAILS),
        ("step-decay", experiment(sweep(COSINE, lowest=0.01)), FAILS),
        ("exponential-decay", experiment(sweep(EXPONENTIAL, lowest=0.01)), HOLDS),
        ("default", experiment(default=0.1), HOLDS),
        ("default", experiment(default=0.01), FAILS),
        ("fitting", experiment(sweep(SGD_WITH_MOMENTUM, valid=lambda lr: np.where(lr > 0.05, 4.0, 1.0))), HOLDS),
        ("fitting", experiment(), FAILS),
    ],
)
def test_the_verdict_is_what_is_true_of_the_experiment(name, made_up, verdict):
    assert assess(name, made_up).verdict == verdict


def test_claims_are_too_close_to_call_where_seeds_differ_much():
    noise = {variant: 1.5 if index % 2 else 0.9 for index, variant in enumerate(ALL_VARIANTS)}
    sweeps = [sweep(variant, seed_noise=amount, oscillation=0.05 * amount) for variant, amount in noise.items()]
    close = [claim.name for claim in assess_claims(experiment(*sweeps), FROM_EXPERIMENT) if claim.verdict == TOO_CLOSE]
    assert len(close) >= 3


def test_with_one_seed_there_is_no_interval_and_no_verdict():
    claim = assess("middle-rate", experiment(*[sweep(variant, seeds=1) for variant in ALL_VARIANTS], seeds=1))
    assert claim.verdict == TOO_CLOSE
    assert math.isinf(claim.effects[0].estimate.high)
    assert claim.to_json()["effects"][0]["low"] is None


def test_estimates_are_those_of_the_experiment():
    claim = assess("middle-rate", experiment())
    best = {estimate.name: estimate for estimate in claim.estimates}["best rate with momentum 0.9"]
    assert best.low < 0.1 < best.high
    assert best.mean == pytest.approx(0.1, rel=0.02)
    tenth, ten_times = (effect.estimate.mean for effect in claim.effects)
    assert tenth == pytest.approx(50.0, rel=0.05)  # 2 decades above 0.02, but at most 1, where nothing is learned
    assert ten_times == pytest.approx(50.0, rel=0.05)


def test_the_effective_rate_explains_all_variance_where_it_decides():
    explained, unexplained = (
        assess("one-number", made_up).estimates[0].mean
        for made_up in (experiment(*with_equal_effective_best_rates()), experiment())
    )
    assert explained > 0.99
    assert unexplained < 0.7


def test_effects_are_finite_where_trainings_diverged():
    base = sweep(SGD_WITH_MOMENTUM)
    losses = base.losses.copy()
    losses[-4:, :, 50:] = np.nan
    for claim in assess_claims(experiment(dataclasses.replace(base, losses=losses)), FROM_EXPERIMENT):
        assert all(math.isfinite(effect.estimate.mean) for effect in claim.effects)


def test_a_claim_is_valid_json_and_its_sentence_has_the_estimates():
    for claim in assess_claims(experiment(), CLAIMS):
        data = json.loads(json.dumps(claim.to_json(), allow_nan=False))
        assert data["verdict"] in (HOLDS, FAILS, TOO_CLOSE)
        assert all(effect["name"] and effect["predicted"] for effect in data["effects"])
        assert all(str(effect.estimate) in claim.sentence for effect in claim.effects)


def test_an_unknown_claim_is_refused_with_the_most_similar_name():
    with pytest.raises(TaskError, match="did you mean momentum-speed"):
        require_known(["momentum-sped"])


def test_every_claim_asks_for_all_that_it_needs():
    whole = experiment()
    for name in FROM_EXPERIMENT:
        claim = CLAIMS[name]
        sweeps = tuple(each for each in whole.sweeps if each.variant in claim.variants)
        limits = whole.stability_limits if claim.needs_stability else ()
        assess(name, dataclasses.replace(whole, sweeps=sweeps, stability_limits=limits))
