import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from surefoot.core.errors import DataError, TaskError
from surefoot.tasks.sanity_check import sanity_check
from surefoot.tasks.task import Task

X, Y = torch.arange(40.0).reshape(20, 2) / 40, torch.arange(20.0).reshape(20, 1) / 20


def line():
    return nn.Linear(2, 1)


def make(**changes):
    arguments = {
        "name": "line",
        "model": line,
        "loss": mse_loss,
        "train": (X, Y),
        "valid": (X, Y),
        "batch_size": 4,
        "steps": 10,
    }
    return Task(**(arguments | changes))


def test_the_summary_counts_parameters_and_buffers():
    def build():
        model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
        model[0].bias.requires_grad_(False)
        return model

    summary = sanity_check(make(model=build))
    assert summary.parameters == 2 * 3 + (3 + 3) + (3 + 1)
    assert summary.frozen_parameters == 3
    assert summary.buffers == 3 + 3 + 1
    assert summary.modules == ("BatchNorm1d", "Linear", "Sequential")


def test_loss_and_metric_are_those_of_the_untrained_model():
    def build():
        model = line()
        nn.init.zeros_(model.weight)
        nn.init.ones_(model.bias)
        return model

    ones = torch.ones(20, 1)
    summary = sanity_check(make(model=build, train=(X, 3 * ones), valid=(X, 2 * ones), metric=nn.functional.l1_loss))
    assert summary.initial_loss == 4.0
    assert summary.initial_metric == 1.0


def test_global_generators_keep_their_state():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    task = make(model=lambda: nn.Sequential(nn.Linear(2, 1), nn.Dropout()))
    first = sanity_check(task)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(6)
    assert sanity_check(task) == first


def test_the_check_works_under_no_grad():
    with torch.no_grad():
        assert sanity_check(make()).parameters == 3


def test_dict_batches_fp64_and_bf16_are_checked_too():
    task = make(
        loss=None, objective=lambda model, batch: model(batch["x"]).square().mean(), train={"x": X}, valid={"x": X}
    )
    assert sanity_check(task).initial_loss > 0
    assert sanity_check(make(precision="fp64")).initial_loss == pytest.approx(
        sanity_check(make()).initial_loss, rel=1e-6
    )
    assert sanity_check(make(precision="bf16")).initial_loss == pytest.approx(
        sanity_check(make()).initial_loss, rel=0.05
    )


def test_a_small_validation_set_is_enough():
    assert sanity_check(make(valid=(X[:2], Y[:2]))).parameters == 3


def broken_factory():
    raise FileNotFoundError("weights.pt is missing")


def no_return():
    nn.Linear(2, 1)


def frozen():
    return line().requires_grad_(False)


SHARED_MODEL = nn.Linear(2, 1)


class WrongInputSize(nn.Module):
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
        ["the model factory raised FileNotFoundError: weights.pt is missing (test_sanity_check.py, line "],
    ),
    "factory returns nothing": (
        {"model": no_return},
        ["given NoneType", "Hint: check that the function ends with a return"],
    ),
    "nothing to train": ({"model": frozen}, ["no trainable parameter", "Hint: check requires_grad"]),
    "same weights each time": ({"model": lambda: SHARED_MODEL}, ["same weights every time", "Hint: ", "lambda: Net()"]),
    "complex": (
        {"model": lambda: nn.Linear(2, 1, dtype=torch.cfloat)},
        ["complex parameters", "Hint: use separate real"],
    ),
    "lazy layers": ({"model": lambda: nn.LazyLinear(1)}, ["lazy layers", "Hint: give the layers their input sizes"]),
    "forward raises": (
        {"model": WrongInputSize},
        [
            "forward pass on the first train batch raised RuntimeError: mat1 and mat2",
            "line ",
            "Hint: the input size of the first layer",
        ],
    ),
    "loss raises": (
        {"loss": lambda output, target: output @ target},
        ["the loss on the first train batch raised RuntimeError: mat1 and mat2 shapes"],
    ),
    "loss is a class": ({"loss": nn.MSELoss}, ["the loss on the first train batch raised"]),
    "loss is a number": (
        {"loss": lambda output, target: mse_loss(output, target).item()},
        ["the loss must return a tensor", "given float", "Hint: do not call .item()"],
    ),
    "loss is a module": (
        {"loss": lambda output, target: nn.MSELoss()},
        ["given MSELoss", "Hint: create an instance: MSELoss()"],
    ),
    "loss is not scalar": (
        {"loss": lambda output, target: (output - target) ** 2},
        ["the loss must be a scalar; given a tensor of shape [4, 1]", "Hint: use reduction='mean', or .mean()"],
    ),
    "objective is not scalar": (
        {"loss": None, "objective": lambda model, batch: model(batch[0])},
        ["the objective must be a scalar; given a tensor of shape [4, 1]", "Hint: "],
    ),
    "metric is not scalar": (
        {"metric": lambda output, target: output == target},
        ["the metric must be a scalar; given a tensor of shape [4, 1]"],
    ),
    "loss is detached": (
        {"loss": lambda o, t: mse_loss(o, t).detach()},
        ["does not depend", "Hint: check whether it calls detach()"],
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
        ["the loss on the first train batch raised RuntimeError: ", "Hint: class indices must be integers", ".long()"],
    ),
    "data in float64": (
        {"train": (X.double(), Y)},
        ["raised RuntimeError: ", "same dtype", "Hint: model and data differ"],
    ),
    "validation data do not fit": ({"valid": (X[:, :1], Y)}, ["forward pass on the first valid batch raised"]),
    "three in a batch": ({"train": (X, X, Y)}, ["given a tuple of 3", "Hint: several inputs go in one tuple"]),
}


@pytest.mark.parametrize(("changes", "parts"), FAULTS.values(), ids=FAULTS.keys())
def test_a_task_that_cannot_be_trained_is_rejected_in_one_line(changes, parts):
    with pytest.raises(TaskError) as caught:
        sanity_check(make(**changes))
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_a_sample_that_cannot_be_read_is_a_data_error():
    class Broken(list):
        def __getitem__(self, index):
            if index:
                raise OSError("disk gone")
            return super().__getitem__(index)

    with pytest.raises(DataError, match=r"train data: .* raised OSError: disk gone"):
        sanity_check(make(train=_as_dataset(Broken([(X[0], Y[0])] * 9))))


def _as_dataset(samples):
    return torch.utils.data.Subset(samples, range(len(samples)))


def test_the_test_data_are_not_used():
    class FailingSplit:
        def __len__(self):
            return 5

        def batch(self, indices):
            raise AssertionError("the test data were used")

    assert sanity_check(make(test=FailingSplit())).parameters == 3
