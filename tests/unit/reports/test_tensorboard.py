import io
import math
import shutil
from dataclasses import replace

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.util import tensor_util

from surefoot.errors import OutputError
from surefoot.reports.tensorboard import FILE, hyperparameters, runs_of, write_tensorboard


@pytest.fixture(scope="module")
def written(tuned, tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    write_tensorboard(tuned, folder)
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


def test_every_training_is_a_run(tuned, logs):
    trainings = {
        (row.trial.recipe, row.stage.split("/")[0], row.trial.seed)
        for row in tuned.measurements
        if row.stage != "range"
    }
    assert len(runs_of(tuned)) == len(trainings)
    assert files(logs) == {FILE} | {f"{run.name}/{FILE}" for run in runs_of(tuned)}


def test_a_run_has_the_curve_the_losses_and_the_schedules(tuned, logs):
    confirmed = [run for run in runs_of(tuned) if run.stage == "confirm"]
    assert len(confirmed) == len(tuned.contestants) * tuned.default.valid.seeds
    for run in confirmed:
        row, found = run.last, scalars(logs / run.name / FILE)
        for step, loss in zip(row.outcome.train.steps, row.outcome.train.losses, strict=True):
            assert found["loss/train", step] == pytest.approx(loss, rel=1e-6)
            assert found["recipe/lr", step] == pytest.approx(row.trial.recipe.lr.value(step, row.trial.steps), rel=1e-6)
            assert found["recipe/momentum", step] == pytest.approx(
                row.trial.recipe.momentum.value(step, row.trial.steps)
            )
        assert found["loss/valid", row.taken] == pytest.approx(row.outcome.loss, rel=1e-6)
        assert found["metric/valid", row.taken] == pytest.approx(row.outcome.metric)


def test_a_searched_training_has_every_loss_on_its_way(tuned, logs):
    longest = max((run for run in runs_of(tuned) if run.stage == "search"), key=lambda run: len(run.found))
    assert len(longest.found) > 1
    valid = {step: loss for (tag, step), loss in scalars(logs / longest.name / FILE).items() if tag == "loss/valid"}
    expected = {row.taken: row.outcome.loss for row in longest.found if math.isfinite(row.outcome.loss)}
    assert valid == pytest.approx(expected, rel=1e-6)


def test_the_experiment_is_described_once_and_every_session_begins_and_ends(tuned, logs):
    described = [path for path in logs.rglob(FILE) if contents(path, metadata.EXPERIMENT_TAG)]
    assert described == [logs / FILE]
    (content,) = contents(logs / FILE, metadata.EXPERIMENT_TAG)
    experiment = metadata.parse_experiment_plugin_data(content)
    names = {info.name: info for info in experiment.hparam_infos}
    assert {"lr", "momentum", "optimizer", "schedule"} <= names.keys()
    assert names["lr"].type == api_pb2.DATA_TYPE_FLOAT64
    assert {value.string_value for value in names["schedule"].domain_discrete.values} == {"cosine", "constant"}
    shown = {info.display_name: info.name.tag for info in experiment.metric_infos}
    assert shown["validation loss"] == "hparams/validation_loss"
    for run in runs_of(tuned):
        (start,) = contents(logs / run.name / FILE, metadata.SESSION_START_INFO_TAG)
        (end,) = contents(logs / run.name / FILE, metadata.SESSION_END_INFO_TAG)
        began = metadata.parse_session_start_info_plugin_data(start)
        assert began.hparams["lr"].number_value == run.last.trial.recipe.lr.peak
        assert began.hparams["momentum"].number_value == run.last.trial.recipe.momentum.peak
        assert began.group_name == run.group
        survived = (
            math.isfinite(run.last.outcome.loss) and run.last.outcome.loss <= 10 * run.last.outcome.train.losses[0]
        )
        expected = api_pb2.STATUS_SUCCESS if survived else api_pb2.STATUS_FAILURE
        assert metadata.parse_session_end_info_plugin_data(end).status == expected


def test_the_peak_counts_where_a_schedule_warms_up(tuned):
    run = runs_of(tuned)[-1]
    changed = run.last.trial.recipe.with_(lr="cosine(0.3, warmup=10%)", momentum="linear(0.8, final=0.95)")
    warm = replace(run.last, trial=replace(run.last.trial, recipe=changed))
    settings = hyperparameters(replace(run, found=(warm,)))
    assert settings["lr"] == pytest.approx(0.3, rel=1e-3)
    assert settings["momentum"] == pytest.approx(0.95, rel=1e-2)
    assert settings["schedule"] == "cosine"


def test_what_diverged_has_no_loss_that_is_not_finite(diverged, tmp_path):
    write_tensorboard(diverged, tmp_path)
    for run in runs_of(diverged):
        found = scalars(tmp_path / run.name / FILE)
        assert all(math.isfinite(value) for value in found.values())
        assert not any(tag == "loss/valid" for tag, _ in found)


def test_a_loss_far_above_its_start_is_drawn_as_a_scalar_and_stretches_no_axis_of_the_hparams_tab(tuned, tmp_path):
    first = next(row for row in tuned.measurements if row.stage.startswith("confirm"))
    blown = replace(first, outcome=replace(first.outcome, loss=1e23))
    result = replace(tuned, measurements=tuple(blown if row is first else row for row in tuned.measurements))
    write_tensorboard(result, tmp_path)
    for run in runs_of(result):
        found = scalars(tmp_path / run.name / FILE)
        ends = {tag: value for (tag, _), value in found.items() if tag.startswith("hparams/")}
        if run.last is blown:
            assert found["loss/valid", blown.taken] == pytest.approx(1e23, rel=1e-6)
            assert not ends
        elif not run.diverged:
            assert ends["hparams/validation_loss"] == pytest.approx(run.last.outcome.loss, rel=1e-6)
            assert ends["hparams/training_loss"] == pytest.approx(run.last.outcome.train.losses[-1], rel=1e-6)


def test_writing_again_replaces_and_leaves_strangers_alone(tuned, logs):
    before = files(logs)
    stranger = logs / "trial-000" / "notes.txt"
    other_run = logs / "mine" / "events.out.tfevents.1.host"
    for path in (stranger, other_run):
        path.parent.mkdir(exist_ok=True)
        path.write_text("not ours")
    write_tensorboard(tuned, logs)
    strangers = {str(path.relative_to(logs)) for path in (stranger, other_run)}
    assert files(logs) == before | strangers
    fewer = replace(tuned, measurements=tuple(row for row in tuned.measurements if row.stage.startswith("confirm")))
    write_tensorboard(fewer, logs)
    assert files(logs) == {FILE} | {f"{run.name}/{FILE}" for run in runs_of(fewer)} | strangers
    assert all(any(folder.rglob("*")) for folder in logs.iterdir() if folder.is_dir())


def test_a_folder_that_cannot_be_made_is_an_output_error(tuned, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_tensorboard(tuned, tmp_path / "file" / "logs")


def test_a_confirmed_run_has_its_gradient_and_its_sharpness_beside_the_limit(tuned, logs):
    for run in runs_of(tuned):
        found = scalars(logs / run.name / FILE)
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
    assert all(run.last.outcome.probes for run in runs_of(tuned) if run.stage == "confirm")


def test_the_heat_map_and_the_range_test_are_images_of_the_whole(logs):
    images = {
        tag: tensor_util.make_ndarray(value.tensor)
        for _, tag, value in values_of(logs / FILE)
        if value.metadata.plugin_data.plugin_name == "images"
    }
    assert {*images} == {"figures/heat_map", "figures/range_test"}
    for width, height, picture in images.values():
        with Image.open(io.BytesIO(picture)) as opened:
            assert (opened.format, opened.size) == ("PNG", (int(width), int(height)))
            assert len(opened.convert("RGB").getcolors(1 << 20)) > 50
