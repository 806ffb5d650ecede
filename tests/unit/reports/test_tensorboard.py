from __future__ import annotations

import io
import math
import shutil
from dataclasses import replace

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.util import tensor_util

from surefoot.core.errors import OutputError
from surefoot.recipe.recipe import Recipe
from surefoot.reports.tensorboard import (
    EVENT_FILE,
    columns_that_vary,
    hparams_of,
    recipe_columns,
    training_runs,
    write_tensorboard,
)
from surefoot.trainers.trial import Curve

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def written(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    write_tensorboard(made, folder)
    return folder


@pytest.fixture
def logs(written, tmp_path):
    return shutil.copytree(written, tmp_path, dirs_exist_ok=True)


def values_of(path):
    """Return (step, tag, value) of every value in an event file; the plugin's own have their content."""
    return [
        (event.step, value.tag, value) for event in EventFileLoader(str(path)).Load() for value in event.summary.value
    ]


def scalars(path):
    return {
        (tag, step): tensor_util.make_ndarray(value.tensor).item()
        for step, tag, value in values_of(path)
        if value.metadata.plugin_data.plugin_name == "scalars"
    }


def contents(path, tag):
    return [value.metadata.plugin_data.content for _, name, value in values_of(path) if name == tag]


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_every_training_is_a_run(made, logs):
    assert len(training_runs(made)) == made.trials == len(made.measurements)
    assert files(logs) == {EVENT_FILE} | {f"{run.name}/{EVENT_FILE}" for run in training_runs(made)}


def test_a_run_has_the_curve_the_losses_and_the_schedules(made, logs):
    full = [run for run in training_runs(made) if run.stage == "full"]
    assert len(full) == len(made.trained_recipes) * made.default.valid.seeds
    for run in full:
        row, found = run.last, scalars(logs / run.name / EVENT_FILE)
        for step, loss in zip(row.outcome.train.steps, row.outcome.train.losses, strict=True):
            assert found["loss/train", step] == pytest.approx(loss, rel=1e-6)
            assert found["recipe/lr", step] == pytest.approx(row.trial.recipe.lr.value(step, row.trial.steps), rel=1e-6)
            assert found["recipe/momentum", step] == pytest.approx(
                row.trial.recipe.momentum.value(step, row.trial.steps)
            )
        assert found["loss/valid", row.taken] == pytest.approx(row.outcome.loss, rel=1e-6)
        assert found["metric/valid", row.taken] == pytest.approx(row.outcome.metric)
        valid = row.outcome.valid
        assert valid.steps
        for step, loss in zip(valid.steps, valid.losses, strict=True):
            assert found["loss/valid", step] == pytest.approx(loss, rel=1e-6)


def test_a_training_with_several_measurements_is_one_run_with_all_losses(made, tmp_path):
    """As searches of version 0.1 did."""
    first = made.measurements[0]
    rows = tuple(
        replace(first, stage="search/000", taken=taken, outcome=replace(first.outcome, loss=loss, valid=Curve()))
        for taken, loss in ((5, 0.9), (10, 0.7), (25, 0.5))
    )
    (run,) = training_runs(replace(made, measurements=rows))
    write_tensorboard(replace(made, measurements=rows), tmp_path)
    valid = {
        step: loss for (tag, step), loss in scalars(tmp_path / run.name / EVENT_FILE).items() if tag == "loss/valid"
    }
    assert valid == pytest.approx({5: 0.9, 10: 0.7, 25: 0.5})


def test_the_experiment_is_described_once_and_every_session_begins_and_ends(made, logs):
    described = [path for path in logs.rglob(EVENT_FILE) if contents(path, metadata.EXPERIMENT_TAG)]
    assert described == [logs / EVENT_FILE]
    (content,) = contents(logs / EVENT_FILE, metadata.EXPERIMENT_TAG)
    experiment = metadata.parse_experiment_plugin_data(content)
    names = {info.name: info for info in experiment.hparam_infos}
    assert "steps" in names
    assert {"lr", "momentum", "optimizer", "schedule"} <= names.keys()
    assert names["lr"].type == api_pb2.DATA_TYPE_FLOAT64
    assert {value.string_value for value in names["schedule"].domain_discrete.values} == {"cosine", "constant"}
    shown = {info.display_name: info.name.tag for info in experiment.metric_infos}
    assert shown["validation loss"] == "hparams/validation_loss"
    for run in training_runs(made):
        (start,) = contents(logs / run.name / EVENT_FILE, metadata.SESSION_START_INFO_TAG)
        (end,) = contents(logs / run.name / EVENT_FILE, metadata.SESSION_END_INFO_TAG)
        began = metadata.parse_session_start_info_plugin_data(start)
        assert began.hparams["lr"].number_value == run.last.trial.recipe.lr.peak
        assert began.hparams["momentum"].number_value == run.last.trial.recipe.momentum.peak
        assert began.group_name == run.group
        survived = (
            math.isfinite(run.last.outcome.loss) and run.last.outcome.loss <= 10 * run.last.outcome.train.losses[0]
        )
        expected = api_pb2.STATUS_SUCCESS if survived else api_pb2.STATUS_FAILURE
        assert metadata.parse_session_end_info_plugin_data(end).status == expected


def test_the_peak_counts_where_a_schedule_warms_up(made):
    run = training_runs(made)[-1]
    changed = run.last.trial.recipe.with_(lr="cosine(0.3, warmup=10%)", momentum="linear(0.8, final=0.95)")
    warm = replace(run.last, trial=replace(run.last.trial, recipe=changed))
    settings = hparams_of(replace(run, measurements=(warm,)))
    assert settings["lr"] == pytest.approx(0.3, rel=1e-3)
    assert settings["momentum"] == pytest.approx(0.95, rel=1e-2)
    assert settings["schedule"] == "cosine"


def test_what_diverged_has_no_loss_that_is_not_finite(diverged, tmp_path):
    write_tensorboard(diverged, tmp_path)
    for run in training_runs(diverged):
        found = scalars(tmp_path / run.name / EVENT_FILE)
        assert all(math.isfinite(value) for value in found.values())
        assert not any(tag == "loss/valid" for tag, _ in found)


def test_a_loss_far_above_its_start_is_drawn_as_a_scalar_and_stretches_no_axis_of_the_hparams_tab(made, tmp_path):
    first = next(row for row in made.measurements if row.stage.startswith("full"))
    blown = replace(first, outcome=replace(first.outcome, loss=1e23))
    result = replace(made, measurements=tuple(blown if row is first else row for row in made.measurements))
    write_tensorboard(result, tmp_path)
    for run in training_runs(result):
        found = scalars(tmp_path / run.name / EVENT_FILE)
        ends = {tag: value for (tag, _), value in found.items() if tag.startswith("hparams/")}
        if run.last is blown:
            assert found["loss/valid", blown.taken] == pytest.approx(1e23, rel=1e-6)
            assert not ends
        elif not run.diverged:
            assert ends["hparams/validation_loss"] == pytest.approx(run.last.outcome.loss, rel=1e-6)
            assert ends["hparams/training_loss"] == pytest.approx(run.last.outcome.train.losses[-1], rel=1e-6)


def test_writing_again_replaces_own_files_and_keeps_others(made, logs):
    before = files(logs)
    stranger = logs / "trial-000" / "notes.txt"
    other_run = logs / "mine" / "events.out.tfevents.1.host"
    for path in (stranger, other_run):
        path.parent.mkdir(exist_ok=True)
        path.write_text("not ours")
    write_tensorboard(made, logs)
    strangers = {str(path.relative_to(logs)) for path in (stranger, other_run)}
    assert files(logs) == before | strangers
    fewer = replace(made, measurements=tuple(row for row in made.measurements if row.stage.startswith("full")))
    write_tensorboard(fewer, logs)
    assert files(logs) == {EVENT_FILE} | {f"{run.name}/{EVENT_FILE}" for run in training_runs(fewer)} | strangers
    assert all(any(folder.rglob("*")) for folder in logs.iterdir() if folder.is_dir())


def test_a_folder_that_cannot_be_made_is_an_output_error(made, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_tensorboard(made, tmp_path / "file" / "logs")


def test_a_full_training_has_gradient_norm_sharpness_and_limit(made, logs):
    for run in training_runs(made):
        found = scalars(logs / run.name / EVENT_FILE)
        assert {step for tag, step in found if tag == "curvature/sharpness"} == {
            each.step for each in run.last.outcome.probes
        }
        for each in run.last.outcome.probes:
            assert found["curvature/grad_norm", each.step] == pytest.approx(each.grad_norm, rel=1e-6)
            assert found["curvature/sharpness", each.step] == pytest.approx(each.sharpness, rel=1e-6)
            recipe, total = run.last.trial.recipe, run.last.trial.steps
            edge = 2.0 * (1.0 - recipe.momentum.value(each.step, total)) / recipe.lr.value(each.step, total)
            assert found["curvature/limit", each.step] == pytest.approx(edge, rel=1e-5)
            assert found["curvature/share", each.step] == pytest.approx(each.sharpness / edge, rel=1e-5)
    assert all(run.last.outcome.probes for run in training_runs(made) if run.stage == "full")


def test_the_heat_map_and_the_frontier_are_images_of_the_whole(logs):
    images = {
        tag: tensor_util.make_ndarray(value.tensor)
        for _, tag, value in values_of(logs / EVENT_FILE)
        if value.metadata.plugin_data.plugin_name == "images"
    }
    assert {*images} == {"figures/heat_map", "figures/frontier"}
    for width, height, picture in images.values():
        with Image.open(io.BytesIO(picture)) as opened:
            assert (opened.format, opened.size) == ("PNG", (int(width), int(height)))
            assert len(opened.convert("RGB").getcolors(1 << 20)) > 50


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "sgd(lr=cosine(0.3, warmup=50))",
            {"schedule": "cosine", "warmup": 0.25, "nesterov": "no"},
        ),
        ("sgd(lr=0.1, momentum=0.9, nesterov=true)", {"schedule": "constant", "final": 1.0, "nesterov": "yes"}),
        ("sgd(lr=constant(1.0) for 50% then linear(1.0, final=0.5))", {"schedule": "sequence", "lr": 1.0}),
        ("adamw(lr=1e-3, weight_decay=linear(0.1), clip=2.0)", {"weight_decay": 0.1, "clip": 2.0, "momentum": 0.9}),
        ("sgd(lr=cosine(0.1, warmup=5%) for 50% then linear(0.1))", {"schedule": "sequence", "warmup": 0.05}),
        ("sgd(lr=0)", {"lr": 0.0, "final": 0.0}),
    ],
)
def test_columns_are_those_of_the_recipe(text, expected):
    found = recipe_columns(Recipe.parse(text), total=200)
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_a_hyperparameter_that_a_recipe_lacks_is_left_out():
    assert "clip" not in recipe_columns(Recipe(), total=10)


def test_only_columns_that_vary_are_kept():
    recipes = ["sgd(lr=0.1)", "sgd(lr=0.1, clip=1.0)", "sgd(lr=0.1, clip=2.0)"]
    rows = [recipe_columns(Recipe.parse(text), total=10) for text in recipes]
    assert columns_that_vary(rows) == ["optimizer", "schedule", "lr", "momentum", "clip"]
    assert columns_that_vary(rows[:1]) == ["optimizer", "schedule", "lr", "momentum"]
    assert columns_that_vary([]) == []
