"""``surefoot diagnose`` on logs that real trainings wrote."""

import csv
import json
import subprocess
import sys

import pytest
import torch
from torch.utils.tensorboard import SummaryWriter

from surefoot.cli.main import run
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.loader import load_task

STEPS = 230


@pytest.fixture(scope="module")
def digits():
    return load_task("digits")


def trained(task, text, seed=0):
    """Yield step, training loss, validation loss at every 23rd step, and learning rate of a plain loop."""
    torch.manual_seed(seed)
    model, recipe = task.new_model(), Recipe.parse(text)
    optimizer, scheduler = recipe.build(model, steps=STEPS)
    order = torch.Generator().manual_seed(seed)
    held_out = task.batch("valid", torch.arange(300))
    for step in range(1, STEPS + 1):
        loss = task.batch_loss(model, task.batch("train", torch.randint(0, 1400, (64,), generator=order)))
        optimizer.zero_grad()
        loss.backward()
        rate = optimizer.param_groups[0]["lr"]
        optimizer.step()
        scheduler.step()
        valid = None
        if step % 23 == 0:
            with torch.no_grad():
                valid = float(task.batch_loss(model, held_out))
        yield step, loss.item(), valid, rate


def write_csv(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "loss", "val_loss", "lr"])
        writer.writerows([step, loss, "" if valid is None else valid, rate] for step, loss, valid, rate in rows)


@pytest.mark.parametrize(
    ("recipe", "verdicts"),
    [
        ("sgd(lr=0.00003, momentum=0.9)", {"lr_too_low", "plateau"}),
        ("adam(lr=0.00001)", {"lr_too_low", "plateau"}),
        ("sgd(lr=2.0, momentum=0.9)", {"lr_too_high", "diverged"}),
        ("sgd(lr=1e12)", {"diverged"}),
        ("sgd(lr=cosine(0.5), momentum=0.8)", {"healthy", "unknown"}),
        ("adam(lr=cosine(0.01))", {"healthy", "unknown"}),
    ],
)
def test_the_verdict_on_a_csv_log_fits_the_recipe(recipe, verdicts, digits, tmp_path, capsys):
    write_csv(tmp_path / "log.csv", trained(digits, recipe))
    assert run(["diagnose", str(tmp_path / "log.csv"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == 2
    assert found["columns"] == {"train": "loss", "valid": "val_loss", "lr": "lr"}
    assert found["verdict"] in verdicts
    assert found["findings"][0]["why"]


def test_a_tensorboard_log_gives_the_same_verdict_as_csv(digits, tmp_path, capsys):
    rows = [*trained(digits, "adam(lr=0.00001)")]
    write_csv(tmp_path / "log.csv", rows)
    with SummaryWriter(tmp_path / "run") as writer:
        for step, loss, valid, rate in rows:
            writer.add_scalar("loss/train", loss, step)
            writer.add_scalar("lr", rate, step)
            if valid is not None:
                writer.add_scalar("loss/valid", valid, step)
    found = []
    for log in ("log.csv", "run"):
        assert run(["diagnose", str(tmp_path / log), "--momentum", "0.9", "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0]["verdict"] == found[1]["verdict"]
    assert found[0]["probabilities"] == pytest.approx(found[1]["probabilities"], abs=0.02)


def test_several_logs_are_diagnosed_one_by_one(digits, tmp_path, capsys):
    for name, recipe in (("a.csv", "sgd(lr=0.5)"), ("b.csv", "sgd(lr=1e12)")):
        write_csv(tmp_path / name, trained(digits, recipe))
    assert run(["diagnose", str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]) == 0
    text = capsys.readouterr().out
    assert "a.csv" in text
    assert "Diverged" in text
    assert run(["diagnose", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "--json"]) == 0
    assert [len(log["findings"]) > 0 for log in json.loads(capsys.readouterr().out)["logs"]] == [True, True]


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        (None, [], "no such file"),
        ("", [], "empty"),
        ("step,accuracy\n1,0.5\n2,0.6\n", [], "no loss"),
        ("step,loss\n1,0.5\n2,0.6\n", ["--column", "train=lss"], "loss"),
        ("step,loss\n1,0.5\n2,0.6\n", ["--column", "tain=loss"], "train"),
        ("step,loss\n1,0.5\n2,0.6\n", ["--column", "loss"], "QUANTITY=NAME"),
        ("step,loss\n1,0.5\n2,0.6\n", ["--momentum", "1.5"], "below 1"),
        ("\x89PNG\r\n\x1a\n\x00\x00", [], "log.csv"),
    ],
)
def test_wrong_input_gets_one_line_and_exit_code_2(content, arguments, said, tmp_path, capsys):
    log = tmp_path / "log.csv"
    if content is not None:
        log.write_text(content)
    assert run(["diagnose", str(log), *arguments]) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert said in streams.err
    assert streams.err.count("\n") == 1


def test_it_loads_neither_torch_nor_pandas(tmp_path):
    """A diagnosis starts in the time of an import of numpy."""
    log = tmp_path / "log.csv"
    log.write_text("step,loss\n" + "".join(f"{step},{2 / (1 + step / 10)}\n" for step in range(200)))
    program = (
        "import sys; from surefoot.cli.main import run; "
        f"code = run(['diagnose', {str(log)!r}]); "
        "print(code, sorted({'torch', 'pandas', 'scipy', 'optuna', 'altair'} & {*sys.modules}))"
    )
    shown = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert shown.splitlines()[-1] == "0 []"
