"""A member of a fleet trains as it would alone, in a plain PyTorch loop: float64, 60 steps, 1e-10."""

from functools import cache

import pytest
import torch
from tests.parity.tasks import STEPS, Alone, make_task, state_of

from surefoot.fleet import compiled_step
from surefoot.fleet.create_and_save_fleet import create_fleet, load_fleet, save_fleet
from surefoot.fleet.evaluation import evaluate_members
from surefoot.fleet.fleet import Fleet
from surefoot.fleet.plan import Plan
from surefoot.fleet.training import train_members
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.task import Task

TOLERANCE = 1e-10
SEED = 3

ALL_OPTIMIZERS = [
    "sgd(lr=0.1)",
    "sgd(lr=cosine(0.2, warmup=5%), momentum=0.9)",
    "sgd(lr=cosine(0.1), momentum=linear(0.5, final=0.95), nesterov=true, weight_decay=0.01, no_decay=bias+norm)",
    "sgd(lr=0.1, momentum=0.8, dampening=0.3, lr_factor=0:0.1+3.bias:2, clip=0.5)",
    "rmsprop(lr=cosine(0.005, warmup=10%), centered=true, momentum=linear(0.9, final=0.5), eps=1e-3)",
    "adagrad(lr=0.05, lr_decay=0.01, initial_accumulator=0.1, weight_decay=0.01)",
    "adadelta(lr=cosine(1), rho=0.9, eps=1e-4)",
    "adam(lr=0.003, beta1=linear(0.9, final=0.5), clip=0.7)",
    "adam(lr=cosine(0.01), amsgrad=true, weight_decay=0.1, decay_factor=norm:0)",
    "adamw(lr=wsd(0.01, warmup=5%, decay=20%), beta2=0.95, weight_decay=0.1, no_decay=bias+norm)",
    "nadam(lr=0.005, momentum_decay=0.01, lr_factor=1:3)",
    "lion(lr=cosine(0.002), beta1=linear(0.95, final=0.8), weight_decay=0.1, clip=1)",
    "muon(lr=cosine(0.01, warmup=5%), momentum=linear(0.8, final=0.95), clip=1)",
    "muon(lr=0.005, nesterov=false, beta2=0.95, weight_decay=0.3, no_decay=bias+norm, lr_factor=0:0.5)",
    "adafactor(lr=cosine(0.05), beta2_decay=linear(-0.8, final=-0.5), weight_decay=0.1, lr_factor=3.bias:2)",
]
SOME_OPTIMIZERS = [
    "sgd(lr=cosine(0.1, warmup=5%), momentum=linear(0.5, final=0.9), nesterov=true, clip=1)",
    "sgd(lr=0.05, momentum=0.9, weight_decay=0.01, no_decay=bias+norm)",
    "adam(lr=cosine(0.003), eps=1e-3)",
    "rmsprop(lr=0.001, momentum=0.5, eps=1e-2)",
    "sgd(lr=0.2, clip=0.3)",
    "muon(lr=cosine(0.005), eps=1e-3, no_decay=bias+norm)",
    "adafactor(lr=cosine(0.01), eps1=1e-3)",
]
MODEL_KINDS = ["convolution", "attention", "recurrent", "smoothed", "accumulated", "two losses", "regression"]
MODEL_KINDS += ["convolution in time", "partial", "fine-tuned", "adapters"]
SERIAL, STACKED, NARROW = Plan("serial", 1), Plan("stacked", 64), Plan("stacked", 3)
LOOPS, FORKED = Plan("serial", 2, processes=2), Plan("stacked", 64, processes=2)
COMPILED = Plan("stacked", 4, processes=2, compiled=True)
TWO_PLANS = pytest.mark.parametrize("plan", [SERIAL, NARROW], ids=["serial", "width 3"])
PLANS = pytest.mark.parametrize(
    "plan", [SERIAL, STACKED, NARROW, LOOPS, FORKED], ids=["serial", "stacked", "width 3", "loops", "forked"]
)


@cache
def trained_alone(kind: str, text: str) -> tuple[Alone, torch.Tensor]:
    """Return a recipe's training alone after all steps, and its losses."""
    member = Alone(make_task(kind), Recipe.parse(text), seed=SEED)
    return member, member.train(STEPS)


def parsed(texts: list[str]) -> list[Recipe]:
    return [Recipe.parse(text) for text in texts]


def max_difference(fleet: Fleet, index: int, member: Alone) -> float:
    """Return the largest difference between a member and the same training alone: parameters, buffers, scores."""
    alone = state_of(member.model)
    of_fleet = fleet.layout.unflatten(fleet.params[index])
    assert of_fleet.keys() == alone.params.keys()
    assert fleet.buffers.keys() == alone.buffers.keys()
    differences = [(of_fleet[name] - param).abs().max() for name, param in alone.params.items()]
    differences += [(fleet.buffers[name][index] - buffer).abs().max() for name, buffer in alone.buffers.items()]
    scores = evaluate_members(fleet, "valid", members=[index])
    loss, metric = member.scores()
    assert (scores.metric is None) == (metric is None)
    differences.append((scores.loss - loss).abs().max())
    if scores.metric is not None and metric is not None:
        differences.append((scores.metric - metric).abs().max())
    return max(difference.item() for difference in differences)


def min_distance(fleet: Fleet) -> float:
    """Return the smallest distance of a member's parameters from its initial ones."""
    untrained = create_fleet(fleet.task, fleet.recipes, seed=SEED, plan=STACKED)
    return (fleet.params - untrained.params).norm(dim=1).min().item()


@PLANS
def test_every_optimizer_in_one_fleet_trains_as_alone(plan):
    task, recipes = make_task("perceptron"), parsed(ALL_OPTIMIZERS)
    fleet = create_fleet(task, recipes, seed=SEED, plan=plan)
    losses = train_members(fleet, STEPS)
    assert min_distance(fleet) > 0.05
    for index, recipe in enumerate(recipes):
        member, alone = trained_alone(task.name, ALL_OPTIMIZERS[index])
        assert (losses[:, index] - alone).abs().max() < TOLERANCE, recipe
        assert max_difference(fleet, index, member) < TOLERANCE, recipe
    assert fleet.diverged_at.tolist() == [-1] * len(recipes)


@TWO_PLANS
@pytest.mark.parametrize("kind", MODEL_KINDS)
def test_every_kind_of_model_trains_as_alone(kind, plan):
    task, recipes = make_task(kind), parsed(SOME_OPTIMIZERS)
    fleet = create_fleet(task, recipes, seed=SEED, plan=plan)
    losses = train_members(fleet, STEPS)
    assert min_distance(fleet) > 0.01
    for index, recipe in enumerate(recipes):
        member, alone = trained_alone(kind, SOME_OPTIMIZERS[index])
        assert (losses[:, index] - alone).abs().max() < TOLERANCE, recipe
        assert max_difference(fleet, index, member) < TOLERANCE, recipe


# Compiling takes a C++ compiler half a minute for each kind: one with buffers and masks, one with frozen parts.
@pytest.mark.parametrize("kind", ["convolution", "partial"])
def test_a_compiled_member_trains_as_alone_and_nothing_is_compiled_twice(kind, monkeypatch):
    """Three members at width four: the group is padded with a copy."""
    task, texts = make_task(kind), [SOME_OPTIMIZERS[0], SOME_OPTIMIZERS[1], SOME_OPTIMIZERS[4]]
    fleet = create_fleet(task, parsed(texts), seed=SEED, plan=COMPILED)
    fleet.notify = pytest.fail
    first = train_members(fleet, 1)
    monkeypatch.setattr(compiled_step, "_compiled", lambda *_: pytest.fail("compiled twice"))
    again = create_fleet(task, parsed(texts), seed=SEED, plan=COMPILED)
    assert torch.equal(train_members(again, 1), first), "another fleet of the task uses the program from the cache"
    losses = torch.cat([first, train_members(fleet, 30), train_members(fleet, STEPS - 31)])
    assert fleet.compiled
    for index, text in enumerate(texts):
        member, alone = trained_alone(kind, text)
        assert (losses[:, index] - alone).abs().max() < TOLERANCE, text
        assert max_difference(fleet, index, member) < TOLERANCE, text


@pytest.mark.parametrize(("kind", "trained"), [("fine-tuned", 6 * 3 + 3), ("adapters", 2 * (12 + 10) + 2 * (10 + 3))])
def test_frozen_parameters_are_no_part_of_a_member_and_stay_as_they_are(kind, trained):
    fleet = create_fleet(make_task(kind), parsed(SOME_OPTIMIZERS), seed=SEED, plan=STACKED)
    assert fleet.params.shape == (len(SOME_OPTIMIZERS), trained)
    frozen = {name: param for name, param in fleet.model.named_parameters() if not param.requires_grad}
    states = [fleet.state_dict(member) for member in range(len(SOME_OPTIMIZERS))]
    assert all(torch.equal(state[name], param) for state in states for name, param in frozen.items())
    before = {name: param.clone() for name, param in frozen.items()}
    train_members(fleet, 3)
    assert all(torch.equal(frozen[name], param) for name, param in before.items())


def test_each_member_has_its_buffers_and_the_same_masks_as_alone():
    task, recipes = make_task("convolution"), parsed(SOME_OPTIMIZERS)
    fleet = create_fleet(task, recipes, seed=SEED, plan=STACKED)
    train_members(fleet, STEPS)
    means = fleet.buffers["2.running_mean"]
    assert torch.pdist(means).min() > 1e-4, "members have statistics of their own"
    assert fleet.buffers["2.num_batches_tracked"].tolist() == [STEPS] * len(recipes)
    same = create_fleet(task, recipes[:1] * 3, seed=SEED, plan=STACKED)
    train_members(same, 20)
    assert torch.pdist(same.params).max() < TOLERANCE, "the same recipe draws the same masks"
    other = create_fleet(task, recipes[:1], seed=SEED + 1, plan=STACKED)
    train_members(other, 20)
    assert (other.params[0] - same.params[0]).abs().max() > 1e-3


@PLANS
@pytest.mark.parametrize("kind", ["perceptron", "convolution"])
def test_members_at_different_steps_train_as_alone(kind, plan):
    task = make_task(kind)
    sgd, adam, nesterov, later = parsed(
        [
            "sgd(lr=cosine(0.1), momentum=0.9)",
            "adam(lr=cosine(0.003), eps=1e-3)",
            "sgd(lr=linear(0.1), momentum=0.9, nesterov=true)",
            "adamw(lr=linear(0.01), eps=1e-3, weight_decay=0.1)",
        ]
    )
    recipes, totals = [sgd, adam, nesterov, sgd, later], [STEPS, 50, STEPS, 45, 40]
    fleet = create_fleet(task, recipes, seed=SEED, plan=plan, total=totals)
    members = [Alone(task, recipe, seed=SEED, total=total) for recipe, total in zip(recipes, totals, strict=True)]

    def train(steps: int, indices: list[int]) -> None:
        losses = train_members(fleet, steps, members=indices)
        for column, index in enumerate(indices):
            assert (losses[:, column] - members[index].train(steps)).abs().max() < TOLERANCE

    train(10, [0, 1, 2, 3])
    train(15, [3, 1])
    train(1, [2])
    train(12, [2, 0, 4, 3, 1])
    assert fleet.step.tolist() == [22, 37, 23, 37, 12]
    for index, member in enumerate(members):
        assert max_difference(fleet, index, member) < TOLERANCE


@PLANS
def test_rules_that_depend_on_shapes_train_and_are_saved_like_others(plan, tmp_path):
    task = make_task("perceptron")
    muon, adafactor, adam, later = parsed(
        [
            "muon(lr=cosine(0.01), momentum=0.9)",
            "adafactor(lr=linear(0.05))",
            "adam(lr=0.003)",
            "muon(lr=0.005, nesterov=false, weight_decay=0.3)",
        ]
    )
    fleet = create_fleet(task, [muon, adafactor, adam, later], seed=SEED, plan=plan)
    members = [Alone(task, recipe, seed=SEED) for recipe in (muon, adafactor, adam, later)]
    train_members(fleet, 10)
    for member in members:
        member.train(10)
    save_fleet(fleet, tmp_path / "fleet")
    for trained in (fleet, load_fleet(tmp_path / "fleet", task, plan=plan)):
        train_members(trained, 20)
        train_members(trained, 5, members=[1, 2])
    for index, steps in enumerate([20, 25, 25, 20]):
        members[index].train(steps)
        assert max_difference(fleet, index, members[index]) < TOLERANCE
    assert torch.equal(trained.params, fleet.params)


def test_a_member_does_not_depend_on_the_width_or_on_other_members():
    task, recipes = make_task("convolution"), parsed(SOME_OPTIMIZERS)
    full = create_fleet(task, recipes, seed=SEED, plan=STACKED)
    train_members(full, STEPS)
    for width in (1, 2, 4):
        narrow = create_fleet(task, recipes, seed=SEED, plan=Plan("stacked", width))
        train_members(narrow, STEPS)
        assert (narrow.params - full.params).abs().max() < TOLERANCE
        assert all((narrow.buffers[name] - full.buffers[name]).abs().max() < TOLERANCE for name in full.buffers)
    fewer = create_fleet(task, recipes[3:], seed=SEED, plan=STACKED)
    train_members(fewer, STEPS)
    assert (fewer.params - full.params[3:]).abs().max() < TOLERANCE


@TWO_PLANS
@pytest.mark.parametrize("kind", ["convolution", "attention", "recurrent"])
def test_the_same_fleet_trained_twice_is_equal_bit_for_bit(kind, plan):
    def trained(slices: list[int]) -> Fleet:
        torch.manual_seed(len(slices))  # the user's generator must not matter
        fleet = create_fleet(make_task(kind), parsed(SOME_OPTIMIZERS), seed=SEED, plan=plan)
        for steps in slices:
            train_members(fleet, steps)
        return fleet

    once, again, sliced = trained([30]), trained([30]), trained([7, 1, 22])
    for other in (again, sliced):
        assert torch.equal(once.params, other.params)
        assert all(torch.equal(once.buffers[name], other.buffers[name]) for name in once.buffers)
        assert torch.equal(evaluate_members(once, "valid").loss, evaluate_members(other, "valid").loss)
        assert torch.allclose(once.history.sums, other.history.sums, rtol=1e-15, atol=0)


class Sentences(torch.utils.data.Dataset):
    """Sequences of two lengths, in batches as long as their longest."""

    def __init__(self, *, weighted: bool = False) -> None:
        generator = torch.Generator().manual_seed(0)
        lengths = torch.randint(2, 4, (48,), generator=generator).tolist()
        self.rows = [torch.randn(length, generator=generator) for length in lengths]
        self.weighted = weighted

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return {"x": self.rows[index], "number": index}

    def collate(self, samples):
        batch = {"x": torch.nn.utils.rnn.pad_sequence([sample["x"] for sample in samples], batch_first=True)}
        return batch | {"weight": float(samples[0]["number"])} if self.weighted else batch


class ScaleAndShift(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(2))

    def forward(self, x):
        return self.scale[0] * x + self.scale[1]


@pytest.mark.parametrize("weighted", [False, True], ids=["of two lengths", "with a number"])
def test_batches_that_are_not_tensors_of_one_shape_train_uncompiled(weighted):
    data = Sentences(weighted=weighted)

    def objective(model, batch):
        return (batch.get("weight", 1.0) * model(batch["x"]).square()).mean() / 10

    loader = torch.utils.data.DataLoader(data, batch_size=2, collate_fn=data.collate)
    task = Task("sentences", ScaleAndShift, objective=objective, train=loader, valid=loader, batch_size=2, steps=20)
    losses = []
    for plan in (Plan("serial", 1), COMPILED):
        fleet = create_fleet(task, parsed(["sgd(lr=0.01)", "sgd(lr=0.02)"]), seed=SEED, plan=plan)
        fleet.notify = lambda line: None
        losses.append(train_members(fleet, 20))
    assert (losses[0] - losses[1]).abs().max() < TOLERANCE
    assert len({round(float(loss), 6) for loss in losses[0][:, 0]}) > 10, "the batches differ"
