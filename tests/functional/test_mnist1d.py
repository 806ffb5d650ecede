import random
import subprocess
import sys

import numpy as np
import torch

from surefoot.tasks.builtin.mnist1d import mnist1d
from surefoot.tasks.sanity_check import sanity_check


def test_mnist1d_is_the_documented_task():
    task = mnist1d()
    assert (len(task.train), len(task.valid), task.batch_size, task.total_steps) == (4000, 1000, 100, 800)
    assert sanity_check(task).parameters == (40 * 100 + 100) + (100 * 100 + 100) + (100 * 10 + 10)
    inputs, targets = task.train.batch(torch.arange(4000))
    assert inputs.shape == (4000, 40)
    assert inputs.dtype == torch.float32
    assert targets.bincount(minlength=10).min() > 350


def test_the_signals_are_those_of_the_package():
    from mnist1d.data import get_dataset_args, make_dataset

    numpy_state = np.random.get_state()
    expected = make_dataset(get_dataset_args())
    np.random.set_state(numpy_state)
    assert np.array_equal(mnist1d().train.batch(torch.arange(4000))[0].numpy(), expected["x"].astype(np.float32))


def test_global_generators_keep_their_state():
    random.seed(1)
    np.random.seed(1)
    mnist1d()
    drawn = random.random(), np.random.rand()
    random.seed(1)
    np.random.seed(1)
    assert drawn == (random.random(), np.random.rand())


def test_matplotlib_and_requests_are_not_imported_and_no_empty_module_stays():
    code = """
import sys
from surefoot.tasks.builtin.mnist1d import mnist1d
mnist1d()
print([name for name in sys.modules if name.split('.')[0] in ('matplotlib', 'requests', 'mnist1d')])
import mnist1d.utils
print(mnist1d.utils.plt.figure.__module__)
"""
    printed = subprocess.check_output([sys.executable, "-c", code], text=True).splitlines()
    assert printed == ["[]", "matplotlib.pyplot"]
