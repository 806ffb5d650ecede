import numpy as np
import pytest

from surefoot.explanation.curve import cap_losses, losses_at_end, running_mean, speed_ratio


def test_a_running_mean_is_the_mean_of_the_last_twentieth():
    losses = np.random.default_rng(0).uniform(size=(2, 3, 60))
    expected = [losses[..., max(0, t - 2) : t + 1].mean(axis=-1) for t in range(60)]
    assert running_mean(losses) == pytest.approx(np.stack(expected, axis=-1))


def test_nan_and_infinite_losses_count_as_nothing_learned():
    losses = np.array([[0.5, np.nan, np.inf], [0.5, 0.4, 0.3]])
    assert losses_at_end(cap_losses(losses)).tolist() == [1.0, 0.3]


def test_the_speed_ratio_is_inverted_by_exchange_and_1_for_equal_curves():
    t = np.linspace(0.0, 1.0, 200)
    fast, slow = 0.05 + np.exp(-9.0 * t)[None], 0.02 + np.exp(-3.0 * t)[None]
    assert speed_ratio(fast, slow) * speed_ratio(slow, fast) == pytest.approx([1.0])
    assert speed_ratio(fast, slow) > 2.0
    assert speed_ratio(slow, slow).tolist() == [1.0]
