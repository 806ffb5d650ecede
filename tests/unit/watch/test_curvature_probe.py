import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from surefoot.core.errors import WatchError
from surefoot.theory.stable_and_best_rates import adam_limit
from surefoot.watch.curvature_probe import CurvatureProbe, CurvatureUnavailable

BEND = torch.tensor([3.0, 0.5, 1.0], dtype=torch.float64)


class Bowl(nn.Module):
    """The quadratic sum(BEND w²) / 2."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64))

    def forward(self, bend):
        return (bend * self.w**2).sum() / 2


def objective(model, bend):
    return model(bend)


def test_on_a_quadratic_the_ratio_is_the_closed_form():
    bowl = Bowl()
    optimizer = torch.optim.SGD(bowl.parameters(), lr=0.1, momentum=0.75)
    found = CurvatureProbe(bowl, optimizer, objective).measure(BEND)
    g = BEND * bowl.w.detach()
    assert found.value == pytest.approx(0.4 * float((BEND * g**2).sum() / (g**2).sum()), rel=1e-12)


def test_a_lowered_rate_and_dampening_scale_the_ratio():
    bowl = Bowl()
    optimizer = torch.optim.SGD(bowl.parameters(), lr=0.1, momentum=0.5, dampening=0.5)
    plain = CurvatureProbe(bowl, torch.optim.SGD(bowl.parameters(), lr=0.1), objective).measure(BEND).value
    found = CurvatureProbe(bowl, optimizer, objective).measure(BEND, lr_factor=0.25)
    assert found.value == pytest.approx(plain / 4, rel=1e-12)


def test_each_parameter_group_has_its_own_rate():
    bowls = nn.ModuleList([Bowl(), Bowl()])
    groups = [{"params": bowls[0].parameters(), "lr": 0.2}, {"params": bowls[1].parameters(), "lr": 0.0}]

    def both(model, bend):
        return model[0](bend) + model[1](bend)

    found = CurvatureProbe(bowls, torch.optim.SGD(groups), both).measure(BEND)
    alone = CurvatureProbe(bowls[0], torch.optim.SGD(bowls[0].parameters(), lr=0.2), objective).measure(BEND)
    assert found.value == pytest.approx(alone.value, rel=1e-12)


def test_adams_step_is_preconditioned():
    bowl = Bowl()
    optimizer = torch.optim.AdamW(bowl.parameters(), lr=0.1, betas=(0.9, 0.99), weight_decay=0.0)
    objective(bowl, BEND).backward()
    optimizer.step()
    squares = optimizer.state[bowl.w]["exp_avg_sq"] / (1 - 0.99)
    g = BEND * bowl.w.detach()
    u = 0.1 * g / (squares.sqrt() + 1e-8)
    found = CurvatureProbe(bowl, optimizer, objective).measure(BEND)
    assert found.value == pytest.approx(float((BEND * u**2).sum() / (g * u).sum()), rel=1e-9)
    assert found.value < adam_limit(1.0, beta1=0.9)


def test_model_batch_gradients_and_generators_are_unchanged():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    weight = nn.Parameter(torch.ones(()))  # trained, and no part of the model
    optimizer = torch.optim.SGD([*model.parameters(), weight], lr=0.1)
    batch = (torch.randn(16, 4, requires_grad=True), torch.randint(0, 3, (16,)))

    def careless(model, batch):
        x, y = batch
        x.data.mul_(2.0)
        return weight * cross_entropy(model(x), y)

    cross_entropy(model(batch[0]), batch[1]).backward()
    grads = [param.grad for param in model.parameters()]
    before = copy.deepcopy((model.state_dict(), grads, batch[0].detach(), batch[0].grad, torch.get_rng_state()))
    with torch.no_grad():
        assert CurvatureProbe(model, optimizer, careless).measure(batch) is not None
    after = (model.state_dict(), grads, batch[0].detach(), batch[0].grad, torch.get_rng_state())
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    assert all(param.grad is grad for param, grad in zip(model.parameters(), grads, strict=True))
    assert weight.grad is None
    assert all(param.requires_grad for param in model.parameters())


def test_attention_has_a_second_derivative():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.Linear(8, 24)

        def forward(self, x):
            query, key, value = self.mix(x).view(2, 5, 2, 12).transpose(1, 2).split(4, dim=-1)
            return scaled_dot_product_attention(query, key, value, is_causal=True)

    torch.manual_seed(0)
    model = Attention()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    found = CurvatureProbe(model, optimizer, lambda model, x: model(x).square().mean()).measure(torch.randn(2, 5, 8))
    assert found.value > 0.0


def test_tensors_kept_from_the_last_forward_pass_do_no_harm():
    class Keeping(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.utils.parametrizations.weight_norm(nn.Linear(4, 2))
            self.seen = {}

        def forward(self, x):
            self.seen["activation"] = self.inner(x)
            return self.seen["activation"]

    torch.manual_seed(0)
    model, x = Keeping(), torch.randn(8, 4)
    curvature = CurvatureProbe(
        model, torch.optim.SGD(model.parameters(), lr=0.1), lambda model, x: model(x).square().mean()
    )
    before = curvature.measure(x).value
    model(x).square().mean().backward()
    kept = model.seen["activation"]
    assert curvature.measure(x).value == pytest.approx(before)
    assert model.seen["activation"] is kept


def test_a_step_without_slope_has_no_ratio():
    bowl = Bowl()
    assert CurvatureProbe(bowl, torch.optim.SGD(bowl.parameters(), lr=0.0), objective).measure(BEND) is None
    bowl.w.data.fill_(float("nan"))
    assert CurvatureProbe(bowl, torch.optim.SGD(bowl.parameters(), lr=0.1), objective).measure(BEND) is None


@pytest.mark.parametrize(
    ("optimizer", "reason"),
    [
        (torch.optim.LBFGS, "does not know what LBFGS makes of a gradient"),
        (lambda params: torch.optim.SGD(params, lr=0.1, maximize=True), "maximizes"),
        (lambda params: torch.optim.SGD(params, lr=0.1, momentum=1.0), "grow without bound"),
    ],
)
def test_the_reason_is_given_where_curvature_is_unavailable(optimizer, reason):
    bowl = Bowl()
    with pytest.raises(CurvatureUnavailable, match=reason):
        CurvatureProbe(bowl, optimizer(bowl.parameters()), objective).measure(BEND)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda model, batch: model(batch, 1), "failed: TypeError"),
        (lambda model, batch: model(batch).item(), "scalar tensor; given a float"),
        (lambda model, batch: batch * model(batch), "shape \\[3\\]"),
        (lambda model, batch: model(batch).detach(), "without a gradient.* Hint: "),
    ],
)
def test_an_objective_without_a_scalar_loss_is_refused(broken, message):
    bowl = Bowl()
    with pytest.raises(WatchError, match=message):
        CurvatureProbe(bowl, torch.optim.SGD(bowl.parameters(), lr=0.1), broken).measure(BEND)
