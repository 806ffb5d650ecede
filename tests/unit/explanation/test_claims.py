"""Every claim on surveys of which the answer is known; each turns round where what it speaks of does."""

import dataclasses
import json
import math

import numpy as np
import pytest
from tests.unit.explanation.made import RATES, STEPS, survey, sweep

from surefoot.core.errors import TaskError
from surefoot.explanation.claims import CLAIMS, judged, require_known
from surefoot.explanation.experiment import MOMENTA, Kind
from surefoot.explanation.result import contrasts

PLAIN, USUAL, ADAM, RMSPROP = Kind(momentum=0.0), Kind(), Kind("adam", 0.9), Kind("rmsprop", 0.0)
HOLDS, FAILS, CLOSE = "holds", "does not hold here", "too close to call"


def verdict(name, made):
    (claim,) = judged(made, [name])
    assert claim.name == name
    return claim.verdict


def early_leader(kind=USUAL):
    """Return trainings in which high rates lead at first and are overtaken."""
    base = sweep(kind)
    t = np.linspace(0.0, 1.0, STEPS)[None, None, :]
    ends = base.losses[..., -1:]
    pace = np.minimum(RATES / 0.1, 10.0)[:, None, None] * 10.0
    return dataclasses.replace(base, losses=ends + (2.0 - np.minimum(ends, 2.0)) * np.exp(-pace * t))


def aligned():
    """Return a plane in which lr / (1 - momentum) alone decides."""
    return [sweep(Kind(momentum=momentum), best=1.0 * (1.0 - momentum)) for momentum in MOMENTA]


@pytest.mark.parametrize(
    ("name", "made", "expected"),
    [
        ("high-rate", survey(early_leader()), HOLDS),
        ("high-rate", survey(sweep(USUAL)), FAILS),
        ("low-rate", survey(sweep(USUAL, bend=1.0, wobble=0.1)), HOLDS),
        ("low-rate", survey(sweep(USUAL, bend=0.0, wobble=0.05)), FAILS),
        ("middle-rate", survey(), HOLDS),
        ("middle-rate", survey(sweep(USUAL, bend=0.0)), FAILS),
        ("momentum-speed", survey(sweep(PLAIN, speed=5.0)), HOLDS),
        ("momentum-speed", survey(sweep(USUAL, speed=5.0)), FAILS),
        ("momentum-speed", survey(), FAILS),
        ("momentum-widens", survey(limits={("full", 0.9): 1.9}), HOLDS),
        ("momentum-widens", survey(limits={("full", 0.9): 0.5}), FAILS),
        ("momentum-widens", survey(limits={("small", 0.9): 1.9}), FAILS),
        ("momentum-narrows", survey(limits={("small", 0.9): 0.1}), HOLDS),
        ("momentum-narrows", survey(limits={("small", 0.9): 1.9}), FAILS),
        ("momentum-steadies", survey(sweep(PLAIN, wobble=0.2)), HOLDS),
        ("momentum-steadies", survey(sweep(USUAL, wobble=0.9)), FAILS),
        ("momentum-replaces", survey(), HOLDS),
        ("momentum-replaces", survey(*aligned()), FAILS),
        ("one-number", survey(*aligned()), HOLDS),
        ("one-number", survey(), FAILS),
        ("adam-tuning", survey(sweep(ADAM, bend=0.5)), HOLDS),
        ("adam-tuning", survey(sweep(USUAL, bend=0.5)), FAILS),
        ("rmsprop-tuning", survey(sweep(RMSPROP, bend=0.5)), HOLDS),
        ("rmsprop-tuning", survey(sweep(ADAM, bend=0.5)), FAILS),
        ("adam-speed", survey(sweep(ADAM, speed=20.0), sweep(USUAL, wobble=0.02)), HOLDS),
        ("adam-speed", survey(sweep(ADAM, wobble=0.02), sweep(USUAL, speed=20.0)), FAILS),
        ("rmsprop-speed", survey(sweep(RMSPROP, speed=20.0), sweep(USUAL, wobble=0.02)), HOLDS),
        ("cosine-decay", survey(sweep(Kind(decay="cosine"), lowest=0.01)), HOLDS),
        ("cosine-decay", survey(sweep(Kind(decay="cosine"), lowest=0.04)), FAILS),
        ("step-decay", survey(sweep(Kind(decay="cosine"), lowest=0.01)), FAILS),
        ("exponential-decay", survey(sweep(Kind(decay="exponential"), lowest=0.01)), HOLDS),
        ("default", survey(default=0.1), HOLDS),
        ("default", survey(default=0.01), FAILS),
        ("fitting", survey(sweep(USUAL, valid=lambda rates: np.where(rates > 0.05, 4.0, 1.0))), HOLDS),
        ("fitting", survey(), FAILS),
    ],
)
def test_a_claim_says_what_is_true(name, made, expected):
    assert verdict(name, made) == expected


def test_every_claim_has_a_survey_on_which_it_is_too_close_to_call():
    luck = {kind: 1.5 if number % 2 else 0.9 for number, kind in enumerate(_kinds())}
    wild = [sweep(kind, luck=amount, wobble=0.05 * amount) for kind, amount in luck.items()]
    close = [claim.name for claim in judged(survey(*wild), CLAIMS) if claim.verdict == CLOSE]
    assert len(close) >= 3


def test_what_is_at_least_so_sure_needs_more_than_one_seed():
    (claim,) = judged(survey(*[sweep(kind, seeds=1) for kind in _kinds()], seeds=1), ["middle-rate"])
    assert claim.verdict == CLOSE
    assert math.isinf(claim.effects[0].number.high)
    assert claim.to_json()["effects"][0]["low"] is None


def test_numbers_are_those_of_the_survey():
    (claim,) = judged(survey(), ["middle-rate"])
    best = {number.name: number for number in claim.numbers}["best rate at momentum 0.9"]
    assert best.low < 0.1 < best.high
    assert best.mean == pytest.approx(0.1, rel=0.02)
    tenth, tenfold = (effect.number.mean for effect in claim.effects)
    assert tenth == pytest.approx(50.0, rel=0.05)  # 2 decades above 0.02, but no more than nothing learnt: 1
    assert tenfold == pytest.approx(50.0, rel=0.05)


def test_the_effective_rate_explains_all_where_it_decides():
    shares = [judged(made, ["one-number"])[0].numbers[0].mean for made in (survey(*aligned()), survey())]
    assert shares[0] > 0.99
    assert shares[1] < 0.7


def test_a_diverged_training_counts_as_nothing_learnt():
    base = sweep(USUAL)
    losses = base.losses.copy()
    losses[-4:, :, 50:] = np.nan
    broken = dataclasses.replace(base, losses=losses)
    assert (broken.ends[-4:] == 1.0).all()
    assert broken.diverged(len(RATES) - 1) == base.ends.shape[1]
    for claim in judged(survey(broken), CLAIMS):
        assert all(math.isfinite(effect.number.mean) for effect in claim.effects)


def test_a_claim_is_json_and_names_its_numbers():
    for claim in judged(survey(), CLAIMS):
        data = json.loads(json.dumps(claim.to_json(), allow_nan=False))
        assert data["verdict"] in (HOLDS, FAILS, CLOSE)
        assert all(effect["name"] and effect["foretold"] for effect in data["effects"])
        assert all(str(effect.number) in claim.sentence for effect in claim.effects)


def test_the_contrasts_are_of_the_survey():
    rows = contrasts(survey())
    assert [row.respect for row in rows] == ["Purpose", "Effect on training", "Impact", "Adjustment"]
    assert "0.1 (" in rows[0].lr
    assert rows != contrasts(survey(sweep(USUAL, best=0.01)))


def test_a_claim_that_is_none_is_refused():
    with pytest.raises(TaskError, match="did you mean momentum-speed"):
        require_known(["momentum-sped"])


def test_every_claim_is_judged_on_what_it_asks_for():
    """With no other sweep in the survey it must still find what it needs."""
    whole = survey()
    for name, textbook in CLAIMS.items():
        own = tuple(each for each in whole.sweeps if each.kind in textbook.kinds)
        judged(dataclasses.replace(whole, sweeps=own, limits=whole.limits if textbook.ranges else ()), [name])


def _kinds():
    return [each.kind for each in survey().sweeps]
