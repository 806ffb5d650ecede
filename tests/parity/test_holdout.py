import contextlib
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from surefoot.tasks.split_rows import split_first_fold, split_rows


@pytest.mark.parametrize("test", [0.0, 0.1, 0.5])
def test_every_row_is_in_exactly_one_part(test):
    parts = split_rows(103, test=test, seed=1)
    assert sorted(np.concatenate([parts.train, parts.valid, parts.test])) == list(range(103))


def test_the_parts_have_the_given_shares():
    parts = split_rows(1000, valid=0.2, test=0.1)
    assert (len(parts.train), len(parts.valid), len(parts.test)) == (720, 180, 100)


def test_every_part_has_its_share_of_every_class():
    classes = np.array([0] * 100 + [1] * 50 + [2] * 10)
    parts = split_rows(160, valid=0.2, test=0.5, classes=classes)
    assert np.bincount(classes[parts.test]).tolist() == [50, 25, 5]
    assert np.bincount(classes[parts.valid]).tolist() == [10, 5, 1]


def test_the_split_depends_on_the_seed():
    first, again, other = (split_rows(50, seed=seed).valid.tolist() for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_the_first_fold_is_a_fifth_of_every_class():
    classes = np.array([0] * 100 + [1] * 50 + [2] * 10)
    parts = split_first_fold(160, classes=classes)
    assert sorted(np.concatenate([parts.train, parts.valid])) == list(range(160))
    assert np.bincount(classes[parts.valid]).tolist() == [20, 10, 2]
    assert not len(parts.test)
    assert split_first_fold(160, seed=1).valid.tolist() != split_first_fold(160, seed=0).valid.tolist()


@given(st.integers(6, 200), st.integers(1, 5), st.sampled_from([0.1, 0.2, 0.37, 0.5]), st.integers(0, 99))
def test_rows_are_split_as_by_scikit_learn(rows, kinds, share, seed):
    classes = np.random.default_rng(seed).integers(0, kinds, rows) * 7 - 3
    for strata in (None, classes):
        with contextlib.suppress(ValueError):  # too few rows of a class: both raise
            kept, cut = train_test_split(np.arange(rows), test_size=share, random_state=seed, stratify=strata)
            parts = split_rows(rows, valid=share, seed=seed, classes=strata)
            assert np.array_equal(parts.train, kept)
            assert np.array_equal(parts.valid, cut)
        splitter = (KFold if strata is None else StratifiedKFold)(5, shuffle=True, random_state=seed)
        if strata is None or np.bincount(classes + 3).max() >= 5:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a class of few rows
                train, valid = next(splitter.split(np.zeros(rows), strata))
            fold = split_first_fold(rows, seed=seed, classes=strata)
            assert np.array_equal(fold.train, train)
            assert np.array_equal(fold.valid, valid)


def test_rows_that_cannot_be_split_are_rejected():
    with pytest.raises(ValueError, match="single row"):
        split_rows(10, classes=[0] * 9 + [1])
    with pytest.raises(ValueError, match="hold all 3 classes"):
        split_rows(10, classes=[0, 1, 2, 0, 1, 2, 0, 1, 2, 0])
