import numpy as np
import pytest
from torch import nn
from torch.optim import SGD

from surefoot import Watch, diagnose
from surefoot.logs.training_log import Series, TrainingLog
from surefoot.plots.figure_registry import show

STEPS = np.arange(400)


def curve(losses, **more):
    return TrainingLog("train.csv", train=Series(STEPS, losses), **more)


def test_losses_are_drawn_as_logged_and_as_means(drawn):
    losses = np.exp(-STEPS / 100) + 0.2
    thin, thick, *_ = (rows for mark, _, rows in drawn(show(curve(losses))) if mark == "line")
    assert [row["value"] for row in thin] == pytest.approx(losses, rel=1e-5)
    assert [row["value"] for row in thick] == pytest.approx(losses.reshape(100, 4).mean(1), rel=1e-5)
    assert [row["step"] for row in thick[:2]] == [1.5, 5.5]


def test_only_logged_quantities_have_panels(words):
    rates = Series(STEPS, np.linspace(0.1, 0.0, len(STEPS)))
    there = words(show(curve(np.exp(-STEPS / 100), lr=rates)))
    assert "learning rate" in there
    assert "training loss" in there
    assert not {"momentum", "gradient norm", "validation loss"} & set(there)


def test_a_verdict_is_the_title_and_a_divergence_is_marked(drawn, words):
    losses = np.exp(STEPS / 100)
    losses[300:] = np.nan
    figure = show(diagnose(curve(losses)))
    assert {"Diverged", "not finite from step 300"} <= set(words(figure))
    assert max(row["step"] for mark, _, rows in drawn(figure) if mark == "line" for row in rows) == 299


def test_a_log_of_validation_losses_alone_is_drawn(words):
    valid = Series(np.array([0, 10, 20]), np.array([1.0, 0.5, 0.4]))
    assert "validation loss" in words(show(TrainingLog("valid.csv", valid=valid)))


def watched(losses, **options):
    model = nn.Linear(1, 1)
    watch = Watch(model, SGD(model.parameters(), lr=0.25, momentum=0.5), print_fn=None, **options)
    for loss in losses:
        watch.step(loss)
    return watch


def test_a_watch_shows_block_means_and_recent_losses(drawn):
    losses = np.exp(-np.arange(300) / 50) + 0.1
    single, blocks, *_ = (rows for mark, _, rows in drawn(show(watched(losses.tolist()))) if mark == "line")
    assert [row["value"] for row in single[-128:]] == pytest.approx(losses[-128:], rel=1e-5)
    for row in blocks:  # two steps a block from 256 on
        assert row["value"] == pytest.approx(losses[int(row["step"]) : int(row["step"]) + 2].mean(), rel=1e-5)
    assert len(blocks) > 100


def test_a_watch_without_losses_and_one_of_a_divergence_have_figures(words):
    assert "Unknown, after 0 steps" in words(show(watched([])))
    lost = words(show(watched([1.0, 0.9, *[float("nan")] * 200])))
    assert any(text.startswith("Diverged") for text in lost)
    assert "not finite from step 2" in lost
