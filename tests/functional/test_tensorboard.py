"""TensorBoard itself, started for real, is asked what it sees."""

import json
import math
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from surefoot.reports.tensorboard import runs_of, write_tensorboard

DEADLINE_SECONDS = 60.0
ASK_SECONDS = 10.0


@pytest.fixture(scope="module")
def board(tuned, tmp_path_factory):
    """Yield the address of a TensorBoard that shows the tune."""
    folder = tmp_path_factory.mktemp("logs")
    write_tensorboard(tuned, folder)
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--host", "127.0.0.1", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--load_fast=false", "--reload_interval", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(DEADLINE_SECONDS, process.kill)
    watchdog.start()
    try:
        yield _address(process)
    finally:
        watchdog.cancel()
        process.kill()
        process.wait(timeout=10)
        process.stderr.close()


def _address(process):
    """Return where the server says it listens; its own choice of a free port."""
    said = []
    for line in process.stderr:
        said.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+/", line):
            return found.group()
    pytest.fail("TensorBoard did not start:\n" + "".join(said))


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
    runs = runs_of(tuned)
    names = {run.group for run in runs}
    groups = until(lambda found: len(found) == len(names) and _complete(found, runs), lambda: session_groups(board))
    assert {group["name"] for group in groups} == names
    for group in groups:
        mine = [run for run in runs if run.group == group["name"]]
        recipe = mine[0].last.recipe
        assert group["hparams"]["lr"] == pytest.approx(recipe.lr.peak)
        assert group["hparams"]["momentum"] == pytest.approx(recipe.momentum.peak)
        assert group["hparams"]["optimizer"] == "sgd"
        assert {session["name"] for session in group["sessions"]} == {run.name for run in mine}
        losses = [run.last.valid_loss for run in mine if math.isfinite(run.last.valid_loss)]
        shown = [metric["value"] for metric in group["metricValues"] if metric["name"]["tag"] == "loss/valid"]
        if losses:
            assert shown == [pytest.approx(sum(losses) / len(losses), rel=1e-5)]
        statuses = {session["status"] for session in group["sessions"]}
        assert statuses == {"STATUS_SUCCESS" if losses else "STATUS_FAILURE"}


def _complete(groups, runs):
    return sum(len(group["sessions"]) for group in groups) == len(runs)


def test_the_experiment_has_the_domains_of_its_hyperparameters(tuned, board):
    answer = until(lambda found: found.get("hparamInfos"), lambda: ask(board, "plugin/hparams/experiment", {}))
    infos = {info["name"]: info for info in answer["hparamInfos"]}
    rates = [run.last.recipe.lr.peak for run in runs_of(tuned)]
    interval = infos["lr"]["domainInterval"]
    assert (interval["minValue"], interval["maxValue"]) == pytest.approx((min(rates), max(rates)))
    assert infos["schedule"]["domainDiscrete"] == ["constant", "cosine"]
    assert "validation loss" in [info["displayName"] for info in answer["metricInfos"]]


def test_the_scalars_tab_has_the_curves_of_every_run(tuned, board):
    runs = runs_of(tuned)
    tags = until(lambda found: len(found) == len(runs), lambda: ask(board, "plugin/scalars/tags"))
    assert set(tags) == {run.name for run in runs}
    assert all({"loss/train", "recipe/lr", "recipe/momentum"} <= set(found) for found in tags.values())
    best = next(run for run in runs if run.stage == "confirm" and run.last.recipe == tuned.best.recipe)
    query = urllib.parse.urlencode({"run": best.name, "tag": "loss/train"})
    points = ask(board, f"plugin/scalars/scalars?{query}")
    assert [step for _, step, _ in points] == list(best.last.curve.steps)
    assert [loss for _, _, loss in points] == pytest.approx(list(best.last.curve.losses), rel=1e-5)
