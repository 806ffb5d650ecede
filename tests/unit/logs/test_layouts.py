"""Layouts of logs that people have: restarts, roles in columns and folders, gaps, printed tensors, printed lines."""

import json
import math

import numpy as np
import pytest
import torch
from torch.utils.tensorboard import SummaryWriter

from surefoot.core.errors import LogError
from surefoot.logs.read import read_training_log


def read(tmp_path, text, name="log.csv", **names):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_training_log(path, names)


def test_rows_after_another_header_are_read_under_it(tmp_path):
    log = read(
        tmp_path,
        "epoch,loss,acc\n0,2.0,0.1\n1,1.5,0.2\nepoch,lr,acc,val_loss,loss\n2,0.1,0.3,1.4,1.2\n3,0.1,0.4,1.3,1.0\n",
    )
    assert log.train.values.tolist() == [2.0, 1.5, 1.2, 1.0]
    assert (log.valid.steps.tolist(), log.valid.values.tolist()) == ([2, 3], [1.4, 1.3])
    assert log.lr.values.tolist() == [0.1, 0.1]
    assert not any("damaged" in note for note in log.notes)


@pytest.mark.parametrize("last", [25, 45])
def test_a_training_that_was_started_again_replaces_what_it_overlaps(tmp_path, last):
    """From step 20 on everything is of the later attempt, also where the earlier one went further."""
    rows = [f"{step},{3.0 - 0.01 * step}," for step in range(40)] + [f"{step},,2.0" for step in (9, 19, 29, 39)]
    rows = sorted(rows, key=lambda row: int(row.split(",")[0])) + [f"{step},9.0," for step in range(20, last)]
    log = read(tmp_path, "\n".join(["step,loss,val_loss", *rows]))
    assert log.train.steps.tolist() == [*range(last)]
    assert log.train.values[20:].tolist() == [9.0] * (last - 20)
    assert log.valid.steps.tolist() == [9, 19]
    assert any("started again at step 20" in note for note in log.notes)


def test_a_table_that_was_begun_anew_is_the_later_training(tmp_path):
    rows = [*(f"{step},1.0" for step in range(50)), *(f"{step},{2.0 - step / 40}" for step in range(30))]
    log = read(tmp_path, "\n".join(["step,loss", *rows]))
    assert log.train.values.tolist() == [2.0 - step / 40 for step in range(30)]


def test_event_files_of_a_restart_overlap_by_step_not_by_file(tmp_path):
    for suffix, steps, loss in ((".1", range(60), 1.0), (".2", range(30, 45), math.nan)):
        with SummaryWriter(tmp_path, filename_suffix=suffix) as writer:
            for step in steps:
                writer.add_scalar("train/loss", loss, step)
            writer.add_scalar("val/loss", 2.0, steps[-1])
    first, second = sorted(tmp_path.iterdir(), key=lambda path: path.name[-1])
    first.rename(tmp_path / "events.out.tfevents.100.host.1.0")
    second.rename(tmp_path / "events.out.tfevents.200.host.2.0")
    log = read_training_log(tmp_path)
    assert (len(log.train), log.train.diverged_at) == (45, 30)
    assert log.valid.steps.tolist() == [44]


def test_a_single_row_out_of_order_is_no_restart(tmp_path):
    log = read(tmp_path, "step,loss\n0,5\n1,4\n3,2\n2,3\n4,1\n5,0.5\n")
    assert log.train.values.tolist() == [5, 4, 3, 2, 1, 0.5]


@pytest.mark.parametrize("column", ["phase", "split", "mode"])
@pytest.mark.parametrize("roles", [("train", "val"), ("Training", "Validation"), ("TRAIN", "test")])
def test_a_column_says_which_rows_are_of_validation(tmp_path, column, roles):
    rows = [
        f"{epoch},{role},{loss}"
        for epoch in range(9)
        for role, loss in zip(roles, (1.0 / (1 + epoch), 2.0), strict=True)
    ]
    log = read(tmp_path, "\n".join([f"epoch,{column},loss", *rows]))
    assert log.train.values.tolist() == [1.0 / (1 + epoch) for epoch in range(9)]
    assert log.valid.values.tolist() == [2.0] * 9
    assert log.valid.steps.tolist() == [*range(9)]


@pytest.mark.parametrize(("key", "value"), [("metric", "value"), ("tag", "Value"), ("name", "val")])
def test_rows_of_a_name_and_a_value(tmp_path, key, value):
    rows = [
        f"{step},{name},{number}" for step in range(9) for name, number in (("train_loss", 2.0 - step / 9), ("lr", 0.1))
    ]
    log = read(tmp_path, "\n".join([f"step,{key},{value}", *rows, "8,val_loss,1.5"]))
    assert log.train.values.tolist() == [2.0 - step / 9 for step in range(9)]
    assert set(log.lr.values.tolist()) == {0.1}
    assert log.valid.values.tolist() == [1.5]


@pytest.mark.parametrize(
    "nan", ["nan", "NaN", "-nan", "nan(ind)", "-nan(ind)", "1.#QNAN", "tensor(nan)", "tensor(nan, device='cuda:0')"]
)
def test_spellings_of_nan(tmp_path, nan):
    rows = [f'{step},"{1.0 if step < 20 else nan}"' for step in range(30)]
    assert read(tmp_path, "\n".join(["step,loss", *rows])).train.diverged_at == 20
    assert (
        read(
            tmp_path, "\n".join(f"step {step}: loss {1.0 if step < 20 else 'nan'}" for step in range(30))
        ).train.diverged_at
        == 20
    )


def test_printed_tensors_and_arrays_hold_a_number(tmp_path):
    printed = [
        str(torch.tensor(0.5)),
        str(torch.tensor([0.25], requires_grad=True)),
        str(np.float32(0.125)),
        repr(np.array([0.0625])),
    ]
    log = read(tmp_path, "\n".join(["epoch,loss", *(f'{epoch},"{text}"' for epoch, text in enumerate(printed))]))
    assert log.train.values.tolist() == [0.5, 0.25, 0.125, 0.0625]


def test_nan_where_nothing_was_measured_is_a_gap(tmp_path):
    rows = [f"{step},{2.0 - step / 100},{1.5 if step % 20 == 19 else 'nan'}" for step in range(95)]
    log = read(tmp_path, "\n".join(["step,train_loss,val_loss", *rows]))
    assert (log.valid.steps.tolist(), log.valid.diverged_at) == ([19, 39, 59, 79], None)
    assert len(log.train) == 95


def test_tensorboards_own_download_has_its_quantity_in_the_name_of_the_file(tmp_path):
    text = "Wall time,Step,Value\n" + "".join(f"170000{n}.5,{10 * n},{2.0 - n / 10}\n" for n in range(9))
    log = read(tmp_path, text, name="run7-tag-train_loss.csv")
    assert (log.names["train"], log.train.steps.tolist()[:2]) == ("train_loss", [0, 10])
    with pytest.raises(LogError, match="no loss among accuracy") as refused:
        read(tmp_path, text, name="run7-tag-accuracy.csv")
    assert "--column train=NAME" in str(refused.value)
    assert len(read(tmp_path, text, name="run7-tag-accuracy.csv", train="accuracy").train) == 9


def test_a_keras_history_with_fewer_validations_than_epochs(tmp_path):
    history = {"loss": [2.0 - n / 10 for n in range(10)], "val_loss": [1.8, 1.4], "lr": [0.1] * 10}
    log = read(tmp_path, json.dumps(history), name="history.json")
    assert (log.valid.steps.tolist(), log.valid.values.tolist()) == ([4, 9], [1.8, 1.4])


@pytest.mark.parametrize(
    "text",
    [
        "epoch  train_loss  val_loss\n    0  2.0         2.5\n    1  1.0         1.5\n",
        "epoch train_loss val_loss\n0 2.0 2.5\n1 1.0 1.5\n",
        "epoch   train loss   val loss\n0       2.0          2.5\n1       1.0          1.5\n",
        "| epoch | train_loss | val_loss |\n|-------|-----------:|---------:|\n| 0 | 2.0 | 2.5 |\n| 1 | 1.0 | 1.5 |\n",
    ],
)
def test_tables_in_white_space_and_in_markdown(tmp_path, text):
    log = read(tmp_path, text, name="log.txt")
    assert (log.train.values.tolist(), log.valid.values.tolist()) == ([2.0, 1.0], [2.5, 1.5])
    assert log.train.steps.tolist() == [0, 1]


def test_learning_rates_of_frozen_parameters_are_not_the_rate_that_trains(tmp_path):
    rows = [f"{step},{2.0 - step / 20},0.0,0.01,0.02" for step in range(12)]
    log = read(tmp_path, "\n".join(["step,loss,lr-SGD/pg1,lr-SGD/pg2,lr-SGD/pg3", *rows]))
    assert (log.names["lr"], set(log.lr.values.tolist())) == ("lr-SGD/pg2", {0.01})


@pytest.mark.parametrize(
    "names",
    [
        ("train_losses", "val_losses"),
        ("Training Loss", "Testing Loss"),
        ("trainLoss", "validLoss"),
        ("tr_loss", "holdout_loss"),
    ],
)
def test_names_that_people_give(tmp_path, names):
    log = read(
        tmp_path, "\n".join([f"epoch,{','.join(names)}", *(f"{n},{2.0 - n / 10},{2.5 - n / 10}" for n in range(9))])
    )
    assert (log.names["train"], log.names["valid"]) == names


@pytest.mark.parametrize("tag", ["Training vs. Validation Loss", "Loss", "losses/all"])
@pytest.mark.parametrize("roles", [("Training", "Validation"), ("train", "test"), ("train", "val")])
def test_scalars_added_together_are_one_log_whatever_they_are_called(tmp_path, tag, roles):
    with SummaryWriter(tmp_path) as writer:
        for step in range(9):
            writer.add_scalars(tag, {roles[0]: 1.0 / (1 + step), roles[1]: 2.0}, step)
            writer.add_scalar("lr", 0.1, step)
    log = read_training_log(tmp_path)
    assert log.train.values[-1] == pytest.approx(1 / 9)
    assert log.valid.values.tolist() == [2.0] * 9
    assert log.lr.values[0] == pytest.approx(0.1)


def test_two_writers_in_folders_of_their_own_are_one_training_and_two_trainings_are_not(tmp_path):
    for name, loss in (("Train", 1.0), ("Test", 2.0)):
        with SummaryWriter(tmp_path / "one" / name) as writer:
            writer.add_scalar("loss", loss, 0)
    log = read_training_log(tmp_path / "one")
    assert (log.train.values.tolist(), log.valid.values.tolist()) == ([1.0], [2.0])
    for run in ("a_train", "a_val", "b_train", "b_val"):
        with SummaryWriter(tmp_path / "two" / run) as writer:
            writer.add_scalar("loss", 1.0, 0)
    with pytest.raises(LogError, match="4 runs in it"):
        read_training_log(tmp_path / "two")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_scalars_that_are_tensors_of_any_precision(tmp_path, dtype):
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto

    numbers = {torch.float16: 19, torch.bfloat16: 14, torch.float32: 1, torch.float64: 2}
    writer = SummaryWriter(tmp_path)
    for step in range(9):
        value = torch.tensor(2.0 - step / 4, dtype=dtype)
        content = (
            value.view(torch.uint8).numpy().tobytes()
            if value.ndim
            else value.reshape(1).view(torch.uint8).numpy().tobytes()
        )
        tensor = TensorProto(dtype=numbers[dtype], tensor_content=content)
        writer.file_writer.add_summary(Summary(value=[Summary.Value(tag="loss", tensor=tensor)]), step)
    writer.close()
    assert read_training_log(tmp_path).train.values.tolist() == [2.0 - step / 4 for step in range(9)]


@pytest.mark.parametrize(
    ("line", "has_valid"),
    [
        ("step {step}: train loss {loss:.4f}, val loss {valid:.4f}", True),
        ("iter {step}: loss {loss:.4f}, time 123.45ms, mfu 12.3%", False),
        (
            "[10/03 12:00:01 d2.utils.events]:  eta: 0:12:01  iter: {step}  total_loss: {loss:.4f}  lr: 0.02",
            False,
        ),
        ("Epoch [{step}/40], Loss: {loss:.4f}, Val Loss: {valid:.4f}", True),
        ("Epoch {step} | train_loss={loss:.4f} | val_loss={valid:.4f} | lr=1e-3", True),
    ],
)
def test_lines_that_a_training_printed(tmp_path, line, has_valid):
    text = "loading data: 3 files\n" + "\n".join(
        line.format(step=step, loss=2.0 - step / 40, valid=2.5 - step / 40) for step in range(40)
    )
    log = read(tmp_path, text, name="train.log")
    assert log.train.steps.tolist() == [*range(40)]
    assert log.train.values[-1] == pytest.approx(2.0 - 39 / 40, abs=1e-3)
    assert (log.valid is not None) == has_valid


@pytest.mark.parametrize(
    "text", ["x" * 200_000, "int" * 60_000, "a " * 100_000, "x " * 900 + "\n" + "tensor(" * 20_000]
)
def test_long_lines_take_no_time_that_grows_with_their_square(tmp_path, text):
    """A regular expression that backtracks would take hours here."""
    with pytest.raises(LogError):
        read(tmp_path, f"step,loss\n1,{text}\n", name="log.txt")
    with pytest.raises(LogError):
        read(tmp_path, text, name="printed.txt")
