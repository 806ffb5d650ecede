"""A convolutional net with BatchNorm and Dropout on Fashion-MNIST.

    surefoot tune examples/fashion_cnn.py:task

The pictures come from Debian's package dataset-fashion-mnist, or from the folder that SUREFOOT_DATA names.
Shows what a task of your own is: a function that builds the model, a loss, data, and a length.
"""

from torch import nn
from torch.nn.functional import cross_entropy

from surefoot.tasks.builtin.fashion_mnist import read_pictures
from surefoot.tasks.models_and_metrics import accuracy
from surefoot.tasks.task import Task


def build() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, kernel_size=3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, kernel_size=3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(16 * 7 * 7, 10),
    )


pictures = read_pictures()
task = Task(
    name="fashion-cnn",
    model=build,
    loss=cross_entropy,
    train=pictures.train,
    valid=pictures.valid,
    batch_size=100,
    epochs=4,
    metric=accuracy,
)
