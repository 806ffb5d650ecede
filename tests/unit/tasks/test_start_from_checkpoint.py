import pickle

import pytest
import safetensors.torch
import torch
from torch import nn

from surefoot.core.errors import TaskError
from surefoot.tasks.loader import load_task
from surefoot.tasks.start_from_checkpoint import start_from_checkpoint

TASK = load_task("wine")


@pytest.fixture
def trained():
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return TASK.new_model().state_dict()


def starts_at(task, weights):
    return all(torch.equal(value, weights[name]) for name, value in task.new_model().state_dict().items())


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda weights: weights,
        lambda weights: {"state_dict": {f"model.{name}": value for name, value in weights.items()}, "epoch": 3},
        lambda weights: {"model_state_dict": weights, "optimizer_state_dict": {}, "loss": 0.3},
        lambda weights: {f"_orig_mod.{name}": value for name, value in weights.items()},
        lambda weights: {f"module.{name}": value for name, value in weights.items()},
        lambda weights: {f"module._orig_mod.{name}": value for name, value in weights.items()},
    ],
    ids=["plain", "lightning", "tutorial", "compiled", "parallel", "compiled and parallel"],
)
def test_a_task_starts_from_the_weights_of_a_checkpoint(trained, wrapped, tmp_path):
    torch.save(wrapped(trained), tmp_path / "model.pt")
    assert starts_at(start_from_checkpoint(TASK, tmp_path / "model.pt"), trained)
    assert not starts_at(TASK, trained)


def test_a_task_starts_from_safetensors(trained, tmp_path):
    safetensors.torch.save_file(trained, tmp_path / "model.safetensors")
    assert starts_at(start_from_checkpoint(TASK, tmp_path / "model.safetensors"), trained)


class RunsCode:
    def __reduce__(self):
        return print, ("this must not be run",)


def written(path, kind):
    if kind == "other model":
        torch.save(nn.Linear(2, 2).state_dict(), path)
    elif kind == "other shape":
        torch.save({name: value[..., :1] for name, value in TASK.new_model().state_dict().items()}, path)
    elif kind == "no weights":
        torch.save({"epoch": 3}, path)
    elif kind == "a list":
        torch.save([1, 2], path)
    elif kind == "noise":
        path.write_bytes(b"not a checkpoint at all")
    elif kind == "bytes that unpickle to a memo reference":
        path.write_bytes(b"junk" * 100)
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "code":
        path.write_bytes(pickle.dumps(RunsCode()))
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "there is no checkpoint"),
        ("other model", "another model"),
        ("other shape", "has shape"),
        ("no weights", "holds no weights of a model"),
        ("a list", "holds no weights of a model"),
        ("noise", "is not a checkpoint"),
        ("bytes that unpickle to a memo reference", "is not a checkpoint"),
        ("empty", "cannot be read"),
        ("code", "could run any program"),
    ],
)
def test_a_file_that_is_no_checkpoint_of_the_model_is_rejected_in_one_line(kind, message, tmp_path, capsys):
    with pytest.raises(TaskError) as caught:
        start_from_checkpoint(TASK, written(tmp_path / "model.pt", kind))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "must not be run" not in capsys.readouterr().out


def test_damaged_safetensors_are_rejected(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"\x00" * 20)
    with pytest.raises(TaskError, match="cannot be read"):
        start_from_checkpoint(TASK, tmp_path / "model.safetensors")
