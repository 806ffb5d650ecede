"""Muon's own part: the iteration against torch's, and what torch's rounding to bfloat16 is worth."""

import pytest
import torch
from tests.parity.muon_twin import newton_schulz_alone, newton_schulz_of_torch
from tests.parity.network import Network, flat, train_in_loop

from surefoot.optimizers.muon import COEFFICIENTS, ITERATIONS, SMALLEST_NORM, newton_schulz
from surefoot.recipe.recipe import Recipe

SHAPES = [(1, 1), (1, 7), (7, 1), (4, 4), (6, 20), (20, 6), (64, 128)]
TORCHS = (COEFFICIENTS, ITERATIONS, SMALLEST_NORM)
STEPS = 200


def matrices(shape, *, members=5):
    return torch.randn(members, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_the_constants_are_those_of_torch():
    defaults = torch.optim.Muon([torch.zeros(1, 1)]).defaults
    assert tuple(defaults[name] for name in ("ns_coefficients", "ns_steps", "eps")) == TORCHS


@pytest.mark.parametrize("shape", SHAPES)
def test_members_together_are_each_alone(shape):
    given = matrices(shape)
    alone = torch.stack([newton_schulz_alone(matrix, *TORCHS) for matrix in given])
    assert (newton_schulz(given) - alone).abs().max() < 1e-13


@pytest.mark.parametrize("shape", SHAPES)
def test_in_bfloat16_it_is_torchs_own_to_that_types_rounding(shape):
    given = matrices(shape)
    theirs = torch.stack([newton_schulz_of_torch(matrix, *TORCHS) for matrix in given]).double()
    # The same products in the same order. A sum in another order rounds one unit apart (2^-8), and five iterations,
    # each of which may multiply a small singular value by 3.4, leave a few of those units of the matrix's norm.
    apart = (newton_schulz(given.bfloat16()).double() - theirs).norm(dim=(1, 2)) / theirs.norm(dim=(1, 2))
    assert apart.max() < 8 * 2**-8


@pytest.mark.parametrize("shape", SHAPES)
def test_singular_values_come_near_to_one_and_vectors_stay(shape):
    given = matrices(shape)
    u, values, v = torch.linalg.svd(given, full_matrices=False)
    after = u.mT @ newton_schulz(given) @ v.mT
    scaled = values / values.norm(dim=1, keepdim=True)
    course = scaled
    for _ in range(ITERATIONS):
        a, b, c = COEFFICIENTS
        course = a * course + b * course**3 + c * course**5
    assert (after - torch.diag_embed(course)).abs().max() < 1e-12
    assert course[scaled > 0.01].min() > 0.6
    assert course.max() < 1.21


def test_no_gradient_makes_no_step():
    assert torch.equal(newton_schulz(torch.zeros(2, 3, 4)), torch.zeros(2, 3, 4))


def test_torchs_rounding_moves_a_training_by_little(monkeypatch):
    recipe = Recipe.parse("muon(lr=cosine(0.01))")

    def make(model):
        optimizer, scheduler = recipe.build(model, steps=STEPS)
        return optimizer, lambda _: None, scheduler.step

    exact = train_in_loop(make, steps=STEPS)
    monkeypatch.setattr("torch.optim._muon._zeropower_via_newtonschulz", newton_schulz_of_torch)
    rounded = train_in_loop(make, steps=STEPS)
    way = (exact[1:] - exact[:-1]).norm(dim=1).sum()
    # One step's rounding is a few times 2^-8 of the step; all of them together go that far apart at the most.
    assert 0 < (rounded[-1] - exact[-1]).norm() < 8 * 2**-8 * way
    assert (exact[-1] - flat(Network())).norm() > 0.5
