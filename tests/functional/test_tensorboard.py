"""TensorBoard itself, started for real, is asked what it sees."""

import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from tests.board import DEADLINE_SECONDS, tensorboard_of

from surefoot.reports.tensorboard import training_runs, write_tensorboard

ASK_SECONDS = 10.0


@pytest.fixture(scope="module")
def board(tuned, tmp_path_factory):
    """Yield the address of a TensorBoard that shows the tune."""
    folder = tmp_path_factory.mktemp("logs")
    write_tensorboard(tuned, folder)
    with tensorboard_of(folder) as address:
        yield address


def ask(address, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{address}data/{path}", data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=ASK_SECONDS) as answer:
        return json.load(answer)


def until(ready, ask_once):
    """Ask until the answer is ready: the server reads the files after it has begun to listen."""
    wait, end = threading.Event(), time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < end:
        try:
            answer = ask_once()
        except urllib.error.HTTPError:  # it has seen no experiment yet
            answer = None
        if answer is not None and ready(answer):
            return answer
        wait.wait(0.1)
    pytest.fail(f"TensorBoard never showed it; the last answer was {answer}")


def session_groups(address):
    request = {
        "experimentName": "",
        "allowedStatuses": ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"],
        "colParams": [],
        "aggregationType": "AGGREGATION_AVG",
        "startIndex": 0,
        "sliceSize": 1000,
    }
    return ask(address, "plugin/hparams/session_groups", request)["sessionGroups"]


def test_the_hparams_tab_lists_every_trial_with_its_setting_and_loss(tuned, board):
    runs = training_runs(tuned)
    names = {run.group for run in runs}
    groups = until(lambda found: len(found) == len(names) and _complete(found, runs), lambda: session_groups(board))
    assert {group["name"] for group in groups} == names
    for group in groups:
        mine = [run for run in runs if run.group == group["name"]]
        recipe = mine[0].last.trial.recipe
        assert group["hparams"]["lr"] == pytest.approx(recipe.lr.peak)
        assert group["hparams"]["momentum"] == pytest.approx(recipe.momentum.peak)
        assert group["hparams"]["optimizer"] == "sgd"
        assert {session["name"] for session in group["sessions"]} == {run.name for run in mine}
        losses = [run.last.outcome.loss for run in mine if not run.diverged]
        shown = [
            metric["value"] for metric in group["metricValues"] if metric["name"]["tag"] == "hparams/validation_loss"
        ]
        if losses:
            assert shown == [pytest.approx(sum(losses) / len(losses), rel=1e-5)]
        statuses = {session["status"] for session in group["sessions"]}
        assert statuses == {"STATUS_SUCCESS" if losses else "STATUS_FAILURE"}


def _complete(groups, runs):
    return sum(len(group["sessions"]) for group in groups) == len(runs)


def test_the_experiment_has_the_domains_of_its_hyperparameters(tuned, board):
    answer = until(lambda found: found.get("hparamInfos"), lambda: ask(board, "plugin/hparams/experiment", {}))
    infos = {info["name"]: info for info in answer["hparamInfos"]}
    rates = [run.last.trial.recipe.lr.peak for run in training_runs(tuned)]
    interval = infos["lr"]["domainInterval"]
    assert (interval["minValue"], interval["maxValue"]) == pytest.approx((min(rates), max(rates)))
    assert infos["schedule"]["domainDiscrete"] == ["constant", "cosine"]
    assert "validation loss" in [info["displayName"] for info in answer["metricInfos"]]


def test_the_scalars_tab_has_the_curves_of_every_run(tuned, board):
    runs = training_runs(tuned)
    tags = until(lambda found: len(found) == len(runs), lambda: ask(board, "plugin/scalars/tags"))
    assert set(tags) == {run.name for run in runs}
    assert all({"loss/train", "recipe/lr", "recipe/momentum"} <= set(found) for found in tags.values())
    best = next(run for run in runs if run.stage == "full" and run.last.trial.recipe == tuned.best.recipe)
    query = urllib.parse.urlencode({"run": best.name, "tag": "loss/train"})
    points = ask(board, f"plugin/scalars/scalars?{query}")
    assert [step for _, step, _ in points] == list(best.last.outcome.train.steps)
    assert [loss for _, _, loss in points] == pytest.approx(list(best.last.outcome.train.losses), rel=1e-5)


def test_the_scalars_tab_has_the_sharpness_of_every_confirmed_training_beside_its_limit(tuned, board):
    confirmed = [run for run in training_runs(tuned) if run.stage == "full"]
    tags = until(lambda found: len(found) == len(training_runs(tuned)), lambda: ask(board, "plugin/scalars/tags"))
    wanted = {"curvature/grad_norm", "curvature/sharpness", "curvature/limit", "curvature/share"}
    assert all(wanted <= set(tags[run.name]) for run in confirmed)
    run = confirmed[0]
    query = urllib.parse.urlencode({"run": run.name, "tag": "curvature/sharpness"})
    points = ask(board, f"plugin/scalars/scalars?{query}")
    assert [step for _, step, _ in points] == [each.step for each in run.last.outcome.probes]
    assert [value for _, _, value in points] == pytest.approx(
        [each.sharpness for each in run.last.outcome.probes], rel=1e-5
    )


def test_the_images_tab_has_the_heat_map_and_the_frontier(board):
    tags = until(lambda found: found.get("."), lambda: ask(board, "plugin/images/tags"))
    assert {*tags["."]} == {"figures/heat_map", "figures/frontier"}
    query = urllib.parse.urlencode({"run": ".", "tag": "figures/heat_map", "sample": 0})
    (shown,) = ask(board, f"plugin/images/images?{query}")
    with urllib.request.urlopen(f"{board}data/plugin/images/individualImage?{shown['query']}", timeout=10) as answer:
        assert answer.read(8) == b"\x89PNG\r\n\x1a\n"
