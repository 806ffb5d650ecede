"""Logs of other people's programs, written by those programs where they are at hand."""

import json
import math

import numpy as np
import pytest
from torch.utils.tensorboard import SummaryWriter

from surefoot.core.errors import LogError
from surefoot.logs.read import read_training_log

LIGHTNING = """epoch,lr-SGD,lr-SGD-momentum,lr-SGD-weight_decay,step,train_loss_epoch,train_loss_step,val_loss
0,0.1,0.9,0.01,49,,0.9,
0,0.05,0.9,0.01,99,,0.7,
0,,,,99,,,0.8
0,,,,99,0.75,,
1,0.01,0.8,0.01,149,,0.5,
"""


def curve_of(tmp_path, name, text, **names):
    path = tmp_path / name
    path.write_text(text)
    return read_training_log(path, names)


def test_lightnings_separate_rows_of_training_and_validation(tmp_path):
    curve = curve_of(tmp_path, "metrics.csv", LIGHTNING)
    momentum = {"momentum": "lr-SGD-momentum"}
    assert curve.names == {"train": "train_loss_step", "valid": "val_loss", "lr": "lr-SGD"} | momentum
    assert curve.momentum.values.tolist() == [0.9, 0.9, 0.8]
    assert not any("lr-SGD" in note for note in curve.notes)
    assert (curve.train.steps.tolist(), curve.train.values.tolist()) == ([49, 99, 149], [0.9, 0.7, 0.5])
    assert (curve.valid.steps.tolist(), curve.valid.values.tolist()) == ([99], [0.8])
    assert curve.lr.values.tolist() == [0.1, 0.05, 0.01]
    assert curve.last_step == 149
    assert read_training_log(tmp_path).names == curve.names, "its folder will do"


def test_hugging_faces_trainer_state(tmp_path):
    from transformers import TrainerState

    state = TrainerState(
        log_history=[
            {"loss": 2.5, "grad_norm": 1.25, "learning_rate": 5e-5, "epoch": 0.1, "step": 10},
            {"eval_loss": 2.25, "eval_runtime": 3.0, "epoch": 0.1, "step": 10},
            {"loss": 2.0, "grad_norm": 0.5, "learning_rate": 4e-5, "epoch": 0.2, "step": 20},
            {"train_runtime": 10.0, "train_loss": 2.2, "epoch": 0.2, "step": 20},
        ]
    )
    state.save_to_json(str(tmp_path / "trainer_state.json"))
    curve = read_training_log(tmp_path)
    assert curve.names["valid"] == "eval_loss"
    assert curve.train.values.tolist() == [2.5, 2.0]
    assert curve.grad_norm.values.tolist() == [1.25, 0.5]
    assert curve.lr.values.tolist() == [5e-5, 4e-5]


def test_keras_csv_logger(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    import keras

    logger = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    logger.set_model(keras.Sequential())
    logger.on_train_begin()
    for epoch, loss in enumerate([0.75, 0.5, float("nan")]):
        logger.on_epoch_end(epoch, {"loss": loss, "val_loss": loss + 0.25, "learning_rate": 0.125})
    logger.on_train_end()
    curve = read_training_log(tmp_path / "log.csv")
    assert curve.train.values[:2].tolist() == [0.75, 0.5]
    assert curve.train.diverged_at == 2, "what was logged as not a number is not missing"
    assert curve.valid.values[:2].tolist() == [1.0, 0.75]
    assert curve.lr.values.tolist() == [0.125] * 3
    assert "steps are counted by epoch" in curve.notes


def test_tensorboard_by_file_and_by_folder_with_a_restart(tmp_path):
    for begin in (0, 5):
        with SummaryWriter(tmp_path / "run", filename_suffix=f".{begin}") as writer:
            for step in range(begin, begin + 8):
                writer.add_scalar("Loss/train", begin + step / 100, step)
    curve = read_training_log(tmp_path / "run")
    assert curve.train.steps.tolist() == [*range(13)]
    expected = [step / 100 if step < 5 else 5 + step / 100 for step in range(13)]
    assert curve.train.values.tolist() == pytest.approx(expected)
    assert read_training_log(tmp_path).train.steps.tolist() == [*range(13)], "the one run below"
    (first, _) = sorted((tmp_path / "run").iterdir())
    assert len(read_training_log(first).train) == 8


def test_several_runs_are_listed(tmp_path):
    for name in ("a", "b"):
        with SummaryWriter(tmp_path / name) as writer:
            writer.add_scalar("loss", 1.0, 0)
    with pytest.raises(LogError, match=r"2 runs in it: a, b\. Hint: give one of them"):
        read_training_log(tmp_path)


def test_jsonl_with_nested_objects_and_an_incomplete_last_line(tmp_path):
    lines = [{"step": n, "train": {"loss": 1 / n}, "opt": {"lr": 0.1, "momentum": 0.9}} for n in range(1, 5)]
    text = "\n".join(map(json.dumps, lines)) + '\n{"step": 5, "tra'
    curve = curve_of(tmp_path, "log.jsonl", text)
    assert curve.train.steps.tolist() == [1, 2, 3, 4]
    assert set(curve.momentum.values.tolist()) == {0.9}
    assert "1 damaged line left out" in curve.notes


def test_a_batch_number_that_begins_anew_every_epoch_does_not_number_steps(tmp_path):
    rows = [f"{epoch},{batch},{1 / (1 + 10 * epoch + batch)}" for epoch in range(4) for batch in range(10)]
    curve = curve_of(tmp_path, "x.csv", "\n".join(["epoch,batch,loss", *rows]))
    assert curve.train.values.tolist() == pytest.approx([1 / (1 + number) for number in range(40)])
    assert "steps are counted by row" in curve.notes


def test_fractions_of_epochs_do_not_number_steps_and_a_restart_does_no_harm(tmp_path):
    fractions = curve_of(tmp_path, "x.csv", "epoch,loss\n0.1,3\n0.2,2\n0.3,1\n")
    assert fractions.train.values.tolist() == [3, 2, 1]
    rows = [f"{step},{step}" for step in [*range(20), *range(18, 30)]]
    restarted = curve_of(tmp_path, "y.csv", "\n".join(["step,loss", *rows]))
    assert restarted.train.steps.tolist() == [*range(30)]


def test_huge_numbers_do_no_harm(tmp_path):
    assert curve_of(tmp_path, "x.csv", "step,loss\n1e30,0.5\n1e31,0.25\n").train.values.tolist() == [0.5, 0.25]
    huge = "9" * 400
    curve = curve_of(tmp_path, "x.jsonl", f'{{"step": 1, "loss": 0.5, "big": {huge}}}\n')
    assert curve.train.values.tolist() == [0.5]


def test_kerass_two_folders_are_one_training(tmp_path):
    for name, loss in (("train", 0.5), ("validation", 0.75)):
        with SummaryWriter(tmp_path / name) as writer:
            writer.add_scalar("epoch_loss", loss, 0)
    curve = read_training_log(tmp_path)
    assert (curve.train.values.tolist(), curve.valid.values.tolist()) == ([0.5], [0.75])


def test_scalars_without_steps_are_counted(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        for loss in (0.75, 0.5, 0.25):
            writer.add_scalar("loss", loss)
    assert read_training_log(tmp_path).train.values.tolist() == [0.75, 0.5, 0.25]


def test_an_empty_event_file_next_to_a_good_one_is_left_out(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("loss", 1.0, 0)
    (tmp_path / "events.out.tfevents.2").touch()
    (tmp_path / "tfevents").mkdir()
    curve = read_training_log(tmp_path)
    assert len(curve.train) == 1
    assert len(curve.notes) == 1
    assert "the file is empty" in curve.notes[0]


def test_scalars_in_folders_below_an_event_file_without_any(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalars("loss", {"train": 0.5}, 0)
    assert read_training_log(tmp_path).train.values.tolist() == [0.5]


def test_several_tables_are_listed(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("step,loss\n1,1\n")
    with pytest.raises(LogError, match=r"2 tables in it: a\.csv, b\.csv"):
        read_training_log(tmp_path)


def test_a_name_is_used_for_one_quantity_only(tmp_path):
    curve = curve_of(tmp_path, "x.csv", "step,holdout_loss\n1,0.5\n", valid="holdout_loss")
    assert curve.train is None
    assert curve.valid.values.tolist() == [0.5]


def test_infinity_in_json_is_divergence(tmp_path):
    curve = curve_of(tmp_path, "log.jsonl", '{"step": 1, "loss": 1.0}\n{"step": 2, "loss": Infinity}\n')
    assert curve.train.diverged_at == 2


def test_a_table_that_a_script_wrote(tmp_path):
    curve = curve_of(tmp_path, "x.csv", "loss;note\n0.5;fast\n0.25;slow\n\n0.125")
    assert curve.train.values.tolist() == [0.5, 0.25]
    assert curve.notes == ("steps are counted by row", "1 damaged line left out")


def test_names_that_the_user_gives_take_precedence(tmp_path):
    text = "step,a,b\n1,0.5,0.1\n2,0.25,0.1\n"
    curve = curve_of(tmp_path, "x.csv", text, train="a", lr="b")
    assert curve.train.values.tolist() == [0.5, 0.25]
    assert curve.lr.values.tolist() == [0.1, 0.1]
    with pytest.raises(LogError, match=r"no loss among a, b\. Hint: name it: --column train=NAME"):
        curve_of(tmp_path, "x.csv", text)
    with pytest.raises(LogError, match="no 'loss' in the log, which was given as the training loss"):
        curve_of(tmp_path, "x.csv", text, train="loss")


def test_a_note_lists_other_names_that_could_have_been_meant(tmp_path):
    curve = curve_of(tmp_path, "x.csv", "step,loss,loss_generator\n1,1,2\n")
    assert curve.names["train"] == "loss"
    assert curve.notes == ("train is loss; loss_generator could have been meant: --column train=NAME",)


def test_a_run_of_mlflow(tmp_path):
    run = tmp_path / "mlruns" / "0" / "abc"
    for folder in ("metrics/train", "params"):
        (run / folder).mkdir(parents=True)
    (tmp_path / "mlruns" / "0" / "meta.yaml").write_text("experiment_id: 0\n")
    (run / "meta.yaml").write_text("run_id: abc\n")
    (run / "metrics" / "train" / "loss").write_text("1700000000000 0.5 0\n1700000000001 nan 1\nbroken\n")
    (run / "params" / "lr").write_text("0.1")
    (run / "params" / "loss").write_text("3")
    (run / "params" / "model").write_text("resnet")
    curve = read_training_log(tmp_path / "mlruns")
    assert curve.names == {"train": "train/loss", "lr": "lr"}
    assert curve.train.values[0] == 0.5
    assert math.isnan(curve.train.values[1])
    assert curve.lr.values.tolist() == [0.1]
    assert curve.notes == ("1 damaged line left out",)
    (run / "artifacts" / "model").mkdir(parents=True)
    (run / "artifacts" / "model" / "loss.csv").write_text("step,loss\n0,9\n")
    assert read_training_log(tmp_path).train.values[0] == 0.5, "what lies in a run is part of it"


def test_a_folder_called_metrics_is_not_a_run_of_mlflow(tmp_path):
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "log.csv").write_text("step,loss\n0,9\n")
    assert read_training_log(tmp_path).train.values.tolist() == [9.0]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.csv", b"", "the file is empty"),
        ("x.csv", b"\xfc\xfe\x00\x01", "neither an event file nor UTF-8 text"),
        ("x.csv", b"1,2\n3,4\n", "the first line has no names but numbers"),
        ("x.csv", b"a,b\nc,d\n", "no numbers in it"),
        ("x.csv", b"step\n1\n2\n", "nothing but step in it"),
        ("x.csv", b'step,loss\n1,"' + b"x" * 140_000, "no table: field larger"),
        ("x.json", b'{"log_history": [', "broken JSON at line 1"),
        ("x.csv", b"# nothing but a comment", "no numbers in it"),
        ("x.json", b"[" * 100_000, "JSON that is not a log"),
        ("x.json", b'{"a": 1}', "without a list of rows named log_history"),
        ("x.json", b'{"log_history": []}', "nothing was logged"),
        ("x.tfevents.1", b"junk" * 10, "no record of an event file"),
        ("run-abc.wandb", b":W&B", "only W&B itself reads its local files"),
    ],
)
def test_files_that_are_not_logs_are_refused_in_one_line(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(LogError, match=said) as refused:
        read_training_log(path)
    assert "\n" not in str(refused.value)


def test_a_missing_path_is_refused_with_a_hint(tmp_path):
    (tmp_path / "metrics.csv").write_text("a")
    with pytest.raises(LogError, match=r"there is no such file\. Hint: the folder has metrics\.csv"):
        read_training_log(tmp_path / "metrics.cvs")
    (tmp_path / "metrics.csv").unlink()
    with pytest.raises(LogError, match="no log in it"):
        read_training_log(tmp_path)


def test_an_event_file_without_scalars_is_refused(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_text("note", "hello")
    with pytest.raises(LogError, match="no scalars in it"):
        read_training_log(tmp_path)


def test_decimal_commas_are_read_where_commas_do_not_separate_fields(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("step;loss;note\n0;2,5;slow\n1;1e-3;a,b\n2;-1,25e+2;\n")
    assert read_training_log(path).train.values.tolist() == [2.5, 1e-3, -125.0]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_files_from_windows(tmp_path, encoding):
    (tmp_path / "log.csv").write_bytes("step,loss\r\n0,2.5\r\n1,1.5\r\n".encode(encoding))
    assert read_training_log(tmp_path / "log.csv").train.values.tolist() == [2.5, 1.5]


def test_short_lines_are_kept_and_long_ones_are_left_out(tmp_path):
    lines = ["step,loss,val_loss", "0,2.5", "1,1.5,1.75", "2,1.25,,", "3,1.1253,1.125,", "4,0.75", "5,0.5"]
    path = tmp_path / "log.csv"
    path.write_text("\n".join(lines))
    curve = read_training_log(path)
    assert curve.train.values.tolist() == [2.5, 1.5, 1.25, 1.1253, 0.75]
    assert curve.valid.values.tolist() == [1.75, 1.125]
    assert curve.notes == ("1 damaged line left out",), "the last one was being written"
    path.write_text("step,loss\n0,2.5\n1,1.2,2,0.75\n3,0.5\n")
    assert read_training_log(path).train.values.tolist() == [2.5, 0.5]


def test_comments_and_the_output_of_numpy(tmp_path):
    path = tmp_path / "log.csv"
    np.savetxt(path, [[0, 2.5], [1, 1.5]], delimiter=",", header="of today\nstep,loss")
    curve = read_training_log(path)
    assert (curve.names["train"], curve.train.values.tolist()) == ("loss", [2.5, 1.5])
    assert curve.notes == ()


def test_kerass_history_as_json_and_json_lines_under_another_name(tmp_path):
    path = tmp_path / "history.json"
    path.write_text(json.dumps({"loss": [2.5, 1.5], "val_loss": [2.75, 1.75], "name": "net"}))
    curve = read_training_log(path)
    assert (curve.train.values.tolist(), curve.valid.values.tolist()) == ([2.5, 1.5], [2.75, 1.75])
    path.write_text('{"step": 0, "loss": 2.5}\n' + '{"a":' * 3000 + '\n{"step": 1, "loss": 1.5}\n')
    curve = read_training_log(path)
    assert curve.train.values.tolist() == [2.5, 1.5]
    assert curve.notes == ("1 damaged line left out",)


def test_scalars_that_torch_writes_together_are_one_log(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        for step in range(10):
            writer.add_scalars("loss", {"train": 1 / (step + 1), "val": 2 / (step + 1)}, step)
    curve = read_training_log(tmp_path)
    assert curve.train.values.tolist() == pytest.approx([1 / (step + 1) for step in range(10)])
    assert curve.valid.values[0] == 2
