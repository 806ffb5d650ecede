"""Clipping against ``clip_grad_norm_``, groups against torch's parameter groups."""

import pytest
import torch
from tests.parity.network import nothing, train_by_rule, train_in_loop
from torch import nn

from surefoot.optimizers.rule import clip_by_global_norm
from surefoot.recipe.recipe import Recipe

STEPS = 60


def test_clipping_is_torchs_for_every_member():
    generator = torch.Generator().manual_seed(0)
    grads = torch.randn(6, 50, generator=generator, dtype=torch.float64)
    grads *= torch.tensor([[1e-9], [0.01], [0.1], [1.0], [10.0], [1e6]])
    limits = torch.tensor([[1e-3], [1.0], [1.0], [5.0], [5.0], [0.1]], dtype=torch.float64)
    clipped = clip_by_global_norm(grads, limits)
    for member in range(6):
        params = [nn.Parameter(torch.zeros(size, dtype=torch.float64)) for size in (20, 30)]
        for param, grad in zip(params, grads[member].split([20, 30]), strict=True):
            param.grad = grad.clone()
        norm = nn.utils.clip_grad_norm_(params, limits[member].item())
        theirs = torch.cat([param.grad for param in params])
        torch.testing.assert_close(clipped[member], theirs, rtol=1e-14, atol=0)
        assert (clipped[member].norm() < norm * 0.999) == (norm > limits[member, 0])


def test_no_limit_changes_no_bit_not_even_of_infinite_gradients():
    grads = torch.tensor([[1.0, -2.0, 3.0], [torch.inf, 1.0, 2.0], [torch.nan, 1.0, 2.0]])
    clipped = clip_by_global_norm(grads, torch.full((3, 1), torch.inf))
    assert torch.equal(clipped.nan_to_num(nan=7.0), grads.nan_to_num(nan=7.0))


def test_a_member_with_a_nan_leaves_the_others_bits_alone():
    grads = torch.randn(3, 40, generator=torch.Generator().manual_seed(0))
    broken = grads.clone()
    broken[1, 7] = torch.nan
    limits = torch.tensor([[0.5], [0.5], [torch.inf]])
    clean, dirty = clip_by_global_norm(grads, limits), clip_by_global_norm(broken, limits)
    assert torch.equal(clean[[0, 2]], dirty[[0, 2]])
    assert dirty[1].isnan().all()


@pytest.mark.parametrize(
    ("text", "kind", "settings"),
    [
        ("sgd(lr=0.1, momentum=0.9, weight_decay=0.1", torch.optim.SGD, {"momentum": 0.9}),
        ("adamw(lr=0.1, weight_decay=0.1", torch.optim.AdamW, {}),
    ],
)
def test_groups_and_clip_are_torchs_parameter_groups(text, kind, settings):
    recipe = Recipe.parse(
        f"{text}, clip=0.3, no_decay=bias+norm, lr_factor=head:0.2+*.weight:3, decay_factor=head:0.5)"
    )

    def make(model):
        body, norm, head = model.body[0], model.body[1], model.head
        groups = [
            {"params": [body.weight], "lr": 0.1 * 3, "weight_decay": 0.1},
            {"params": [body.bias], "lr": 0.1, "weight_decay": 0.0},
            {"params": [norm.weight], "lr": 0.1 * 3, "weight_decay": 0.0},
            {"params": [norm.bias], "lr": 0.1, "weight_decay": 0.0},
            {"params": [head.weight], "lr": 0.1 * 0.2 * 3, "weight_decay": 0.1 * 0.5},
            {"params": [head.bias], "lr": 0.1 * 0.2, "weight_decay": 0.0},
        ]
        optimizer = kind(groups, lr=7.0, **settings)
        return optimizer, lambda _: nn.utils.clip_grad_norm_(model.parameters(), 0.3), nothing

    theirs = train_in_loop(make, steps=STEPS)
    ours = train_by_rule([recipe, Recipe.parse(text + ")")], steps=STEPS)
    assert (ours[:, 0] - theirs).abs().max() < 1e-10
    assert (ours[:, 1] - theirs).abs().max() > 1e-3, "groups and clip make a difference"
