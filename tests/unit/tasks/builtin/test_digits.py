import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold

from surefoot.tasks.builtin.scikit_learn import digits
from surefoot.tasks.sanity_check import probe


def test_it_is_the_task_of_the_design():
    task = digits()
    assert (len(task.train), len(task.valid), task.batch_size, task.total_steps) == (1437, 360, 64, 220)
    assert probe(task).parameters == (64 * 128 + 128) + (128 * 10 + 10)


def test_the_split_is_the_first_of_five_stratified_folds_with_seed_0():
    x, y = load_digits(return_X_y=True)
    train, valid = next(StratifiedKFold(5, shuffle=True, random_state=0).split(x, y))
    task = digits()
    for split, inputs, targets in ((task.train, x[train], y[train]), (task.valid, x[valid], y[valid])):
        given = split.batch(torch.arange(len(split)))
        assert torch.equal(given[0], torch.tensor(inputs / 16).float())
        assert torch.equal(given[1], torch.tensor(targets))
