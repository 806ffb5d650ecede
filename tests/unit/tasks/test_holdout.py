import numpy as np
import pytest

from surefoot.tasks.holdout import first_fold, hold_out


@pytest.mark.parametrize("test", [0.0, 0.1, 0.5])
def test_every_row_is_in_one_part(test):
    parts = hold_out(103, test=test, seed=1)
    assert sorted(np.concatenate([parts.train, parts.valid, parts.test])) == list(range(103))


def test_shares_are_those_asked_for():
    parts = hold_out(1000, valid=0.2, test=0.1)
    assert (len(parts.train), len(parts.valid), len(parts.test)) == (720, 180, 100)


def test_every_part_has_its_share_of_every_class():
    classes = np.array([0] * 100 + [1] * 50 + [2] * 10)
    parts = hold_out(160, valid=0.2, test=0.5, classes=classes)
    assert np.bincount(classes[parts.test]).tolist() == [50, 25, 5]
    assert np.bincount(classes[parts.valid]).tolist() == [10, 5, 1]


def test_the_seed_is_the_luck():
    first, again, other = (hold_out(50, seed=seed).valid.tolist() for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_a_fold_is_a_fifth_of_every_class():
    classes = np.array([0] * 100 + [1] * 50 + [2] * 10)
    parts = first_fold(160, classes=classes)
    assert sorted(np.concatenate([parts.train, parts.valid])) == list(range(160))
    assert np.bincount(classes[parts.valid]).tolist() == [20, 10, 2]
    assert not len(parts.test)
    assert first_fold(160, seed=1).valid.tolist() != first_fold(160, seed=0).valid.tolist()
