"""The Gaussian process against its closed forms and against scikit-learn's."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

from surefoot.surrogate.gaussian_process import GaussianProcess, Prior


class Smooth:
    """A squared exponential whose only setting is the logarithm of its length."""

    def __call__(self, settings, one, other):
        gap = (one[:, None, 0] - other[None, :, 0]) / np.exp(settings[:, 0])[:, None, None]
        return np.exp(-0.5 * gap**2)

    def diagonal(self, settings, points):
        return np.ones((len(settings), len(points)))


X = np.linspace(0.0, 5.0, 9)[:, None]
Y = np.sin(X[:, 0])
AT = np.linspace(-1.0, 7.0, 23)[:, None]


def fitted(deviation, noise=0.1, y=Y):
    return GaussianProcess.fit(
        Smooth(), Prior(np.zeros(1), np.array([deviation])), X, y,
        noise=lambda settings: np.full((len(settings), 1), noise), generator=np.random.default_rng(0),
    )  # fmt: skip


def test_with_fixed_settings_it_equals_scikit_learns():
    other = GaussianProcessRegressor(RBF(1.0, "fixed"), alpha=0.1**2, optimizer=None).fit(X, Y)
    mean, deviation = fitted(0.0).predict(AT)
    expected, spread = other.predict(AT, return_std=True)
    assert mean == pytest.approx(expected, abs=1e-6)
    assert deviation == pytest.approx(spread, abs=1e-5)


def test_settings_are_weighted_by_the_marginal_likelihood():
    found = fitted(1.0)
    factors = [
        -0.5 * Y @ np.linalg.solve(k, Y) - 0.5 * np.linalg.slogdet(k)[1] - 0.5 * s[0] ** 2
        for s in found.settings
        for k in [Smooth()(s[None], X, X)[0] + (0.1**2 + 1e-8) * np.eye(len(X))]
    ]
    weights = np.exp(np.array(factors) - max(factors))
    assert found.weights == pytest.approx(weights / weights.sum(), rel=1e-6)


def test_drawn_functions_have_the_mean_and_deviation_of_the_prediction():
    found = fitted(0.5)
    mean, deviation = found.predict(AT)
    drawn = found.draws(AT, 20_000, generator=np.random.default_rng(1))
    assert drawn.mean(axis=0) == pytest.approx(mean, abs=0.03)
    assert drawn.std(axis=0) == pytest.approx(deviation, abs=0.03)


def test_far_from_all_observations_it_predicts_the_prior():
    mean, deviation = fitted(0.0).predict(np.array([[100.0]]))
    assert (float(mean[0]), float(deviation[0])) == pytest.approx((0.0, 1.0), abs=1e-6)


def test_leave_one_out_errors_equal_those_of_a_fit_without_the_observation():
    process = fitted(0.0)
    for number, difference in enumerate(process.leave_one_out_errors()):
        others = np.arange(len(X)) != number
        without = GaussianProcess.fit(
            Smooth(), Prior(np.zeros(1), np.zeros(1)), X[others], Y[others],
            noise=lambda settings: np.full((len(settings), 1), 0.1), generator=np.random.default_rng(0),
        )  # fmt: skip
        mean, _ = without.predict(X[number : number + 1])
        assert difference == pytest.approx(Y[number] - mean[0], abs=1e-6)
