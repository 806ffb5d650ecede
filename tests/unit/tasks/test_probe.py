import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from surefoot.core.errors import DataError, TaskError
from surefoot.tasks.sanity_check import probe
from surefoot.tasks.task import Task

X, Y = torch.arange(40.0).reshape(20, 2) / 40, torch.arange(20.0).reshape(20, 1) / 20


def line():
    return nn.Linear(2, 1)


def make(**changes):
    parts = {
        "name": "line",
        "model": line,
        "loss": mse_loss,
        "train": (X, Y),
        "valid": (X, Y),
        "batch_size": 4,
        "steps": 10,
    }
    return Task(**(parts | changes))


def test_facts_count_what_is_trained_and_what_is_not():
    def build():
        model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
        model[0].bias.requires_grad_(False)
        return model

    facts = probe(make(model=build))
    assert facts.parameters == 2 * 3 + (3 + 3) + (3 + 1)
    assert facts.frozen_parameters == 3
    assert facts.buffers == 3 + 3 + 1
    assert facts.modules == ("BatchNorm1d", "Linear", "Sequential")


def test_loss_and_metric_are_those_of_the_untrained_model():
    def build():
        model = line()
        nn.init.zeros_(model.weight)
        nn.init.ones_(model.bias)
        return model

    ones = torch.ones(20, 1)
    facts = probe(make(model=build, train=(X, 3 * ones), valid=(X, 2 * ones), metric=nn.functional.l1_loss))
    assert facts.initial_loss == 4.0
    assert facts.initial_metric == 1.0


def test_the_luck_of_the_caller_is_untouched():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    task = make(model=lambda: nn.Sequential(nn.Linear(2, 1), nn.Dropout()))
    first = probe(task)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(6)
    assert probe(task) == first


def test_no_grad_around_it_does_no_harm():
    with torch.no_grad():
        assert probe(make()).parameters == 3


def test_dict_batches_fp64_and_bf16_are_probed_too():
    task = make(
        loss=None, objective=lambda model, batch: model(batch["x"]).square().mean(), train={"x": X}, valid={"x": X}
    )
    assert probe(task).initial_loss > 0
    assert probe(make(precision="fp64")).initial_loss == pytest.approx(probe(make()).initial_loss, rel=1e-6)
    assert probe(make(precision="bf16")).initial_loss == pytest.approx(probe(make()).initial_loss, rel=0.05)


def test_a_small_validation_set_is_enough():
    assert probe(make(valid=(X[:2], Y[:2]))).parameters == 3


def broken_factory():
    raise FileNotFoundError("weights.pt is missing")


def no_return():
    nn.Linear(2, 1)


def frozen():
    return line().requires_grad_(False)


THE_ONE = nn.Linear(2, 1)


class Fails(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 1)

    def forward(self, x):
        return self.inner(x)


class Flat(nn.Linear):
    def __init__(self):
        super().__init__(2, 1)

    def forward(self, x):
        return super().forward(x).flatten()


LABELS = torch.arange(20) % 2
FAULTS = {
    "factory raises": (
        {"model": broken_factory},
        ["the model factory raised FileNotFoundError: weights.pt is missing (test_probe.py, line "],
    ),
    "factory returns nothing": (
        {"model": no_return},
        ["returned a NoneType", "Hint: does the function end with return"],
    ),
    "nothing to train": ({"model": frozen}, ["no trainable parameter", "Hint: is requires_grad off"]),
    "same weights each time": ({"model": lambda: THE_ONE}, ["same weights every time", "Hint: ", "lambda: Net()"]),
    "complex": ({"model": lambda: nn.Linear(2, 1, dtype=torch.cfloat)}, ["complex parameters", "Hint: keep"]),
    "lazy layers": ({"model": lambda: nn.LazyLinear(1)}, ["lazy layers", "Hint: give their sizes"]),
    "forward raises": (
        {"model": Fails},
        ["forward pass on the first train batch raised RuntimeError: mat1 and mat2", "line ", "Hint: the first layer"],
    ),
    "loss raises": (
        {"loss": lambda output, target: output @ target},
        ["the loss on the first train batch raised RuntimeError: mat1 and mat2 shapes"],
    ),
    "loss is a class": ({"loss": nn.MSELoss}, ["the loss on the first train batch raised"]),
    "loss is a number": (
        {"loss": lambda output, target: mse_loss(output, target).item()},
        ["the loss returned a float", "Hint: no .item()"],
    ),
    "loss is a module": (
        {"loss": lambda output, target: nn.MSELoss()},
        ["the loss returned a MSELoss", "Hint: make an instance: MSELoss()"],
    ),
    "loss is not scalar": (
        {"loss": lambda output, target: (output - target) ** 2},
        ["the loss is not scalar: its shape is [4, 1]", "Hint: use reduction='mean', or .mean()"],
    ),
    "objective is not scalar": (
        {"loss": None, "objective": lambda model, batch: model(batch[0])},
        ["the objective is not scalar: its shape is [4, 1]", "Hint: "],
    ),
    "metric is not scalar": (
        {"metric": lambda output, target: output == target},
        ["the metric is not scalar: its shape is [4, 1]"],
    ),
    "loss is detached": (
        {"loss": lambda o, t: mse_loss(o, t).detach()},
        ["does not depend", "Hint: look for detach()"],
    ),
    "loss is infinite": (
        {"loss": lambda o, t: mse_loss(o, t) / 0},
        ["the loss on the first train batch is inf", "Hint: "],
    ),
    "loss is nan": ({"loss": lambda o, t: (-o.square() - 1).log().mean()}, ["is nan before any training"]),
    "too few outputs": (
        {"model": lambda: nn.Linear(2, 2), "loss": cross_entropy, "train": (X, LABELS + 7)},
        ["the loss on the first train batch raised IndexError: Target ", "Hint: the model has fewer outputs"],
    ),
    "labels are floats": (
        {"model": lambda: nn.Linear(2, 2), "loss": cross_entropy, "train": (X, LABELS.float())},
        ["the loss on the first train batch raised RuntimeError: ", "Hint: class numbers are whole", ".long()"],
    ),
    "data in float64": (
        {"train": (X.double(), Y)},
        ["raised RuntimeError: ", "same dtype", "Hint: model and data differ"],
    ),
    "validation data do not fit": ({"valid": (X[:, :1], Y)}, ["forward pass on the first valid batch raised"]),
    "three in a batch": ({"train": (X, X, Y)}, ["given a tuple of 3", "Hint: several inputs go in one tuple"]),
}


@pytest.mark.parametrize(("changes", "told"), FAULTS.values(), ids=FAULTS.keys())
def test_a_task_that_does_not_run_says_why_in_one_line(changes, told):
    with pytest.raises(TaskError) as caught:
        probe(make(**changes))
    message = str(caught.value)
    assert "\n" not in message
    for words in told:
        assert words in message


def test_a_broken_sample_stays_a_fault_of_the_data():
    class Broken(list):
        def __getitem__(self, place):
            if place:
                raise OSError("disk gone")
            return super().__getitem__(place)

    with pytest.raises(DataError, match=r"train data: .* raised OSError: disk gone"):
        probe(make(train=_as_dataset(Broken([(X[0], Y[0])] * 9))))


def _as_dataset(samples):
    return torch.utils.data.Subset(samples, range(len(samples)))


def test_the_test_data_are_not_touched():
    class Untouchable:
        def __len__(self):
            return 5

        def batch(self, indices):
            raise AssertionError("touched")

    assert probe(make(test=Untouchable())).parameters == 3
