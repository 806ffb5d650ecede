"""Every update rule against ``torch.optim``: several members at once, each with hyperparameters of its own.

200 steps in float64 on a real network's gradients; the torch twin has its hyperparameters set before every step.
"""

import pytest
import torch
from tests.parity.network import Network, flat, nothing, train_by_rule, train_in_loop

from surefoot.optimizers import RULES
from surefoot.optimizers.rule import ParamSpec
from surefoot.recipe.recipe import Recipe

STEPS = 200
THROUGH_ZERO = "linear(0.8, final=0) for 80 then 0 for 20 then linear(0, final=0.9)"

MEMBERS = {
    "sgd": [
        "sgd(lr=0.05)",
        "sgd(lr=cosine(0.2, warmup=5%), momentum=0.9, weight_decay=0.01)",
        "sgd(lr=0.02, momentum=0.9, nesterov=true, weight_decay=linear(0.05))",
        "sgd(lr=step(0.1), momentum=linear(0, final=0.95), dampening=0.3)",
        f"sgd(lr=0.03, momentum={THROUGH_ZERO}, nesterov=true)",
        f"sgd(lr=0.05, momentum={THROUGH_ZERO}, dampening=linear(0.9))",
        "sgd(lr=0.05, momentum=0 for 50 then 0.9)",
    ],
    "rmsprop": [
        "rmsprop(lr=0.002)",
        "rmsprop(lr=cosine(0.005), momentum=linear(0.9, final=0.1), alpha=0.9, weight_decay=0.01)",
        f"rmsprop(lr=0.002, momentum={THROUGH_ZERO}, eps=1e-6)",
        "rmsprop(lr=0.002, momentum=0.5, alpha=linear(0.9, final=0.999), weight_decay=cosine(0.1))",
    ],
    "rmsprop centered": [
        "rmsprop(lr=0.001, centered=true, eps=1e-3)",
        f"rmsprop(lr=cosine(0.001), momentum={THROUGH_ZERO}, alpha=0.9, centered=true, eps=1e-3)",
    ],
    "adagrad": [
        "adagrad(lr=0.05)",
        "adagrad(lr=cosine(0.1), lr_decay=0.01, weight_decay=0.01)",
        "adagrad(lr=0.1, initial_accumulator=0.5, weight_decay=linear(0.1))",
        "adagrad(lr=wsd(0.1), lr_decay=linear(0.1), initial_accumulator=0.01, eps=1e-3)",
    ],
    "adadelta": [
        "adadelta(lr=1)",
        "adadelta(lr=cosine(2), rho=linear(0.9, final=0.99), weight_decay=0.01, eps=1e-4)",
    ],
    "adam": [
        "adam(lr=0.005)",
        "adam(lr=cosine(0.01, warmup=5%), beta1=linear(0.95, final=0.5), beta2=0.95, weight_decay=0.01)",
        f"adam(lr=0.005, beta1={THROUGH_ZERO}, beta2=linear(0.9, final=0.999), eps=1e-4)",
        "adam(lr=0.005, beta1=0, weight_decay=cosine(0.1))",
    ],
    "amsgrad": [
        "adam(lr=0.005, amsgrad=true)",
        "adam(lr=cosine(0.01), beta1=linear(0.9, final=0), beta2=0.9, amsgrad=true, weight_decay=linear(0.05))",
    ],
    "adamw": [
        "adamw(lr=0.005)",
        "adamw(lr=cosine(0.01, warmup=5%), beta1=linear(0.95, final=0.5), beta2=0.95, weight_decay=0.1)",
        f"adamw(lr=0.005, beta1={THROUGH_ZERO}, weight_decay=linear(0, final=0.5))",
    ],
    "adamw with amsgrad": ["adamw(lr=0.005, amsgrad=true)", "adamw(lr=cosine(0.01), beta2=0.9, amsgrad=true)"],
    "nadam": [
        "nadam(lr=0.003)",
        "nadam(lr=cosine(0.005), momentum_decay=0.1, weight_decay=0.01)",
        f"nadam(lr=0.003, beta1={THROUGH_ZERO}, momentum_decay=linear(0.01), weight_decay=cosine(0.1))",
    ],
    "lion": [
        "lion(lr=0.001)",
        "lion(lr=cosine(0.002), beta1=linear(0.95, final=0.5), beta2=0.9, weight_decay=linear(0.5))",
        f"lion(lr=0.001, beta1={THROUGH_ZERO}, weight_decay=0.1)",
    ],
    "muon": [
        "muon(lr=0.01)",
        "muon(lr=cosine(0.02, warmup=5%), momentum=linear(0.5, final=0.95), nesterov=false, weight_decay=0)",
        f"muon(lr=0.01, momentum={THROUGH_ZERO}, beta1={THROUGH_ZERO}, beta2=0.95, eps=1e-4)",
        "muon(lr=0.01, momentum=0, beta2=linear(0.9, final=0.999), weight_decay=cosine(0.5))",
    ],
    "adafactor": [
        "adafactor(lr=0.01)",
        "adafactor(lr=cosine(0.1, warmup=5%), beta2_decay=linear(-0.8), eps2=linear(0.1), weight_decay=0.1)",
        "adafactor(lr=cosine(0.1), beta2_decay=-0.5, eps1=0.01, d=linear(2, final=1), weight_decay=cosine(0.01))",
        "adafactor(lr=1 for 5 then 0.03, beta2_decay=-0.5, d=linear(3, final=1))",
    ],
}


class PlainLion(torch.optim.Optimizer):
    """Algorithm 2 of Chen et al. (2023), arXiv:2302.06675, line by line."""

    def __init__(self, params, **settings):
        super().__init__(params, settings)

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for theta in group["params"]:
                m, g = self.state[theta].setdefault("m", torch.zeros_like(theta)), theta.grad
                c = beta1 * m + (1 - beta1) * g
                theta.sub_(group["lr"] * (torch.sign(c) + group["weight_decay"] * theta))
                m.copy_(beta2 * m + (1 - beta2) * g)


class MuonAndAdamW:
    """torch.optim.Muon on the one hidden matrix, torch.optim.AdamW on all else."""

    def __init__(self, model):
        hidden = model.body[0].weight
        self.muon = torch.optim.Muon([hidden], adjust_lr_fn="match_rms_adamw")
        self.adamw = torch.optim.AdamW([param for param in model.parameters() if param is not hidden])

    def set(self, settings):
        both = ("lr", "weight_decay")
        for part, own in ((self.muon, ("momentum", "nesterov")), (self.adamw, ("betas", "eps"))):
            part.param_groups[0].update({name: settings[name] for name in (*both, *own)})

    def zero_grad(self):
        self.muon.zero_grad()
        self.adamw.zero_grad()

    def step(self):
        self.muon.step()
        self.adamw.step()


TWINS = {
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "lion": PlainLion,
    "adafactor": torch.optim.Adafactor,
}


def settings_at(recipe, step):
    values = {name: schedule.value(step, STEPS) for name, schedule in recipe.hyper}
    if "beta1" in values:
        values["betas"] = (values.pop("beta1"), values.pop("beta2"))
    if "initial_accumulator" in values:
        values["initial_accumulator_value"] = values.pop("initial_accumulator")
    if "eps2" in values:
        values["eps"] = (values.pop("eps1") or None, values.pop("eps2"))
    return values


def twin(recipe, model):
    if recipe.optimizer == "muon":
        pair, nesterov = MuonAndAdamW(model), {"nesterov": "nesterov" in recipe.switches}
        return pair, lambda step: pair.set(settings_at(recipe, step) | nesterov), nothing
    settings = settings_at(recipe, 0) | dict.fromkeys(recipe.switches, True)
    optimizer = TWINS[recipe.optimizer](model.parameters(), **settings)
    return optimizer, lambda step: optimizer.param_groups[0].update(settings_at(recipe, step)), nothing


@pytest.mark.parametrize("kind", MEMBERS)
def test_members_train_as_torch_trains_each_of_them(kind):
    recipes = [Recipe.parse(text) for text in MEMBERS[kind]]
    ours = train_by_rule(recipes, steps=STEPS)
    assert torch.isfinite(ours).all()
    for member, recipe in enumerate(recipes):
        theirs = train_in_loop(lambda model, recipe=recipe: twin(recipe, model), steps=STEPS)
        assert (theirs[-1] - flat(Network())).norm() > 0.1, "the twin has not moved"
        difference = (ours[:, member] - theirs).abs().max().item()
        assert difference < 1e-10, f"{recipe}: {difference}"


@pytest.mark.parametrize("kind", MEMBERS)
def test_a_rule_leaves_its_arguments_as_they_are(kind):
    rule = Recipe.parse(MEMBERS[kind][0]).rule.bind([ParamSpec((2, 3), hidden=True), ParamSpec((3,))])
    param, grad = torch.randn(2, 2, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    hyper = {spec.name: torch.full((2, 1), 0.5, dtype=torch.float64) for spec in rule.hyperparameters}
    hyper |= {name: torch.ones(2, 1, dtype=torch.float64) for name in rule.switches}
    _, slots = rule.update(param, grad, rule.fresh_slots(param), hyper)
    before = [tensor.clone() for tensor in (param, grad, *slots.values(), *hyper.values())]
    after, after_slots = rule.update(param, grad, slots, hyper)
    for tensor, copy in zip((param, grad, *slots.values(), *hyper.values()), before, strict=True):
        assert torch.equal(tensor, copy)
    assert not torch.equal(after, param)
    assert after_slots.keys() == slots.keys()
    assert {name: slot.shape for name, slot in after_slots.items()} == {n: s.shape for n, s in slots.items()}


def test_defaults_are_those_of_torch():
    names = {"initial_accumulator": "initial_accumulator_value"}
    for optimizer, kind in (TWINS | {"muon": torch.optim.Muon}).items():
        if optimizer == "lion":
            continue
        defaults = kind([torch.nn.Parameter(torch.zeros(1, 1))]).defaults
        if optimizer == "muon":
            of_adamw = torch.optim.AdamW([torch.zeros(1)]).defaults
            defaults |= {name: of_adamw[name] for name in ("betas", "eps")}
        if optimizer == "adafactor":
            defaults |= {"eps1": defaults["eps"][0] or 0.0, "eps2": defaults["eps"][1]}
        defaults |= dict(zip(("beta1", "beta2"), defaults.get("betas", ()), strict=False))
        for switch in RULES[optimizer].switches:
            assert (switch in Recipe.of(optimizer).switches) == defaults[switch]
        for name, schedule in Recipe.of(optimizer).hyper:
            ours_alone = optimizer == "sgd" and name == "lr"  # 0.01, what people mean by the default
            assert ours_alone or schedule.value(0, 1) == defaults[names.get(name, name)], (optimizer, name)
