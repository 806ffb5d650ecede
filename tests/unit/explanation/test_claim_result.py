import numpy as np

from surefoot.explanation.claim_result import Effect, Estimate


def test_verdicts_are_right_nine_times_in_ten():
    """An effect of exactly the threshold must seldom be excluded; no effect must seldom be called one."""
    random = np.random.default_rng(0)
    without_effect = [np.exp(0.2 * random.standard_normal(5)) for _ in range(400)]
    wrong = sum(Effect(Estimate.of("", values), threshold=1.1).verdict == "holds" for values in without_effect)
    at_threshold = [1.1 * np.exp(0.2 * random.standard_normal(5)) for _ in range(400)]
    missed = sum(
        Effect(Estimate.of("", values), threshold=1.1).verdict == "does not hold here" for values in at_threshold
    )
    assert wrong / 400 < 0.08
    assert missed / 400 < 0.08
