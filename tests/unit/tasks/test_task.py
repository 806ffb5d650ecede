import dataclasses

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from surefoot.core.errors import DataError, TaskError
from surefoot.tasks.task import Task, call_model, inputs_and_targets

X, Y = torch.arange(40.0).reshape(20, 2), torch.arange(20.0).reshape(20, 1)


def line():
    return nn.Linear(2, 1)


def make(**changes):
    parts = {
        "name": "line",
        "model": line,
        "loss": mse_loss,
        "train": (X[:16], Y[:16]),
        "valid": (X[16:], Y[16:]),
        "batch_size": 4,
        "steps": 10,
    }
    return Task(**(parts | changes))


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"steps": 7}, 7),
        ({"steps": None, "epochs": 3}, 12),
        ({"steps": None, "epochs": 3, "accumulate": 2}, 6),
        ({"steps": None, "epochs": 0.5}, 2),
        ({"steps": None, "epochs": 1, "batch_size": 5}, 3),
    ],
)
def test_total_steps_count_optimizer_steps(changes, steps):
    assert make(**changes).total_steps == steps


def test_with_length_changes_nothing_else():
    task = make(metric=mse_loss)
    longer = task.with_length(epochs=5)
    assert (longer.total_steps, longer.steps, longer.epochs) == (20, None, 5)
    assert longer.train is task.train
    assert longer.metric is task.metric
    assert longer.with_length(steps=3).total_steps == 3


@pytest.mark.parametrize("length", [{}, {"steps": 3, "epochs": 2}])
def test_with_length_takes_one_of_steps_and_epochs(length):
    with pytest.raises(TaskError, match="one of steps and epochs is needed"):
        make().with_length(**length)


@pytest.mark.parametrize(
    ("changes", "words_in_message"),
    [
        ({"model": nn.Linear(2, 1)}, ["model must be a function", "lambda: Linear(...)"]),
        ({"model": None}, ["model must be a function", "given a NoneType"]),
        ({"loss": None}, ["one of loss and objective", "given neither"]),
        ({"objective": mse_loss}, ["one of loss and objective", "given both"]),
        ({"loss": "mse"}, ["loss must be a function; given 'mse'"]),
        ({"metric": 3}, ["metric must be a function; given 3"]),
        ({"train": None}, ["train data are missing"]),
        ({"valid": None}, ["valid data are missing"]),
        ({"batch_size": 0}, ["batch_size must be a whole number of at least 1; given 0"]),
        ({"batch_size": 2.5}, ["batch_size", "given 2.5"]),
        ({"batch_size": True}, ["batch_size", "given True"]),
        ({"batch_size": 17}, ["batch_size must be at most 16", "given 17"]),
        ({"accumulate": -1}, ["accumulate", "given -1"]),
        ({"steps": 0}, ["steps must be a whole number of at least 1; given 0"]),
        ({"steps": None}, ["one of steps and epochs", "given neither"]),
        ({"epochs": 2}, ["one of steps and epochs", "given both"]),
        ({"steps": None, "epochs": float("nan")}, ["epochs must be a number above 0; given nan"]),
        ({"steps": None, "epochs": float("inf")}, ["epochs must be a number above 0; given inf"]),
        ({"steps": None, "epochs": 0.1}, ["0.1 epochs of 16 samples make no full step of 4"]),
        ({"precision": "fp16"}, ["precision must be one of fp32, fp64, bf16; given 'fp16'"]),
    ],
)
def test_a_task_that_cannot_be_says_why(changes, words_in_message):
    with pytest.raises(TaskError) as caught:
        make(**changes)
    message = str(caught.value)
    assert message.startswith("task 'line': ")
    for words in words_in_message:
        assert words in message


@pytest.mark.parametrize("name", ["", " ", "two\nlines", "red\x1b[31m", 3])
def test_a_name_is_a_printable_text_on_one_line(name):
    with pytest.raises(TaskError, match="name must be a printable text"):
        make(name=name)


def test_all_faults_are_told_at_once():
    with pytest.raises(TaskError) as caught:
        make(loss=None, steps=0, batch_size=-2, precision="half")
    assert all(word in str(caught.value) for word in ("loss", "steps", "batch_size", "precision"))


def test_unfit_data_are_told_with_the_splits_name():
    with pytest.raises(DataError, match=r"^valid data: .*NaN"):
        make(valid=(X / 0, Y))


def test_split_gives_the_data_by_name():
    task = make(test=(X, Y))
    assert [len(task.split(name)) for name in ("train", "valid", "test")] == [16, 4, 20]


def test_a_split_that_is_not_there_is_an_error():
    with pytest.raises(TaskError, match=r"task 'line' has no test data. Hint: pass test="):
        make().split("test")


def test_batch_loss_is_the_loss_of_the_models_output():
    task, model = make(), line()
    batch = task.batch("train", torch.tensor([3, 5]))
    assert torch.equal(task.batch_loss(model, batch), mse_loss(model(X[[3, 5]]), Y[[3, 5]]))


def test_objective_and_its_metric_take_model_and_batch():
    task = make(
        loss=None,
        objective=lambda model, batch: model(batch["x"]).mean(),
        metric=lambda model, batch: batch["x"].sum(),
        train={"x": X},
        valid={"x": X},
    )
    model, batch = line(), task.batch("train", torch.tensor([0, 1]))
    assert torch.equal(task.batch_loss(model, batch), model(X[:2]).mean())
    assert task.batch_metric(model, batch) == X[:2].sum()


@pytest.mark.parametrize("with_metric", [True, False])
def test_loss_and_metric_come_of_one_forward_pass(with_metric):
    own, calls = line(), []

    def model(x):
        calls.append(len(x))
        return own(x)

    task = make(metric=(lambda outputs, targets: (outputs - targets).abs().max()) if with_metric else None)
    batch = task.batch("train", torch.tensor([3, 5]))
    loss, metric = task.batch_scores(model, batch)
    assert calls == [2]
    assert torch.equal(loss, task.batch_loss(model, batch))
    assert torch.equal(metric, task.batch_metric(model, batch) if with_metric else loss)


def test_an_objective_and_its_metric_each_call_the_model():
    task = make(
        loss=None,
        objective=lambda model, batch: model(batch["x"]).mean(),
        metric=lambda model, batch: model(batch["x"]).sum(),
        train={"x": X},
        valid={"x": X},
    )
    model, batch = line(), task.batch("train", torch.tensor([0, 1]))
    loss, metric = task.batch_scores(model, batch)
    assert torch.equal(loss, model(X[:2]).mean())
    assert torch.equal(metric, model(X[:2]).sum())


def test_metric_of_a_task_without_one_is_an_error():
    task = make()
    with pytest.raises(TaskError, match=r"has no metric. Hint: pass metric="):
        task.batch_metric(line(), task.batch("train", torch.tensor([0])))


class Sum(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, left, right):
        return self.scale * (left + 10 * right)


@pytest.mark.parametrize("inputs", [(X[:, :1], X[:, 1:]), [X[:, :1], X[:, 1:]], {"right": X[:, 1:], "left": X[:, :1]}])
def test_inputs_in_a_tuple_list_or_dict_are_the_models_arguments(inputs):
    task = make(model=Sum, train=(inputs, Y), valid=(inputs, Y))
    batch = task.batch("train", torch.tensor([4]))
    assert torch.equal(call_model(Sum(), batch[0]), X[4:5, :1] + 10 * X[4:5, 1:])
    assert torch.equal(task.batch_loss(Sum(), batch), mse_loss(X[4:5, :1] + 10 * X[4:5, 1:], Y[4:5]))


@pytest.mark.parametrize(
    ("batch", "given"), [((1, 2, 3), "a tuple of 3"), ({"x": 1, "y": 2}, "a dict of 2"), (torch.zeros(2), "a Tensor")]
)
def test_a_batch_that_is_no_pair_asks_for_an_objective(batch, given):
    with pytest.raises(TaskError, match=f"given {given}. Hint: .*objective"):
        inputs_and_targets(batch)


def test_fp64_holds_model_and_data_in_float64_from_the_same_draw():
    single, wide = make(), make(precision="fp64")
    torch.manual_seed(0)
    weight = single.new_model().weight
    torch.manual_seed(0)
    model = wide.new_model()
    batch = wide.batch("train", torch.tensor([0, 1]))
    assert torch.equal(model.weight, weight.double())
    assert [tensor.dtype for tensor in batch] == [torch.float64] * 2
    assert wide.batch_loss(model, batch).dtype == torch.float64


def test_bf16_computes_in_bfloat16_and_keeps_float32_weights():
    seen = []
    task = make(
        precision="bf16", loss=lambda output, target: seen.append(output.dtype) or mse_loss(output.float(), target)
    )
    model = task.new_model()
    loss = task.batch_loss(model, task.batch("train", torch.tensor([0, 1])))
    assert seen == [torch.bfloat16]
    assert model.weight.dtype == loss.dtype == torch.float32


def test_a_model_that_is_only_called_will_do():
    task, model = make(), line()
    batch = task.batch("train", torch.tensor([2, 9]))
    called = task.batch_loss(lambda x: torch.func.functional_call(model, dict(model.named_parameters()), (x,)), batch)
    assert torch.equal(called, task.batch_loss(model, batch))


def test_class_numbers_stay_whole():
    task = make(loss=cross_entropy, train=(X, torch.arange(20) % 2), precision="fp64")
    assert task.batch("train", torch.tensor([3]))[1].dtype == torch.int64


def test_a_task_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        make().steps = 3
