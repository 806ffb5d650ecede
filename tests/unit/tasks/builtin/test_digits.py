import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from surefoot.tasks.builtin.digits import digits
from surefoot.tasks.probe import probe


def test_it_is_the_task_of_the_design():
    task = digits()
    assert (len(task.train), len(task.valid), task.batch_size, task.total_steps) == (1437, 360, 64, 220)
    assert probe(task).parameters == (64 * 128 + 128) + (128 * 10 + 10)


def test_the_split_is_scikit_learns_with_seed_0():
    pictures, labels = load_digits(return_X_y=True)
    x, x_valid, y, y_valid = train_test_split(pictures, labels, test_size=0.2, stratify=labels, random_state=0)
    task = digits()
    for split, inputs, targets in ((task.train, x, y), (task.valid, x_valid, y_valid)):
        given = split.batch(torch.arange(len(split)))
        assert torch.equal(given[0], torch.tensor(inputs / 16).float())
        assert torch.equal(given[1], torch.tensor(targets))
