"""Train a convolutional network with BatchNorm and dropout on Fashion-MNIST.

    surefoot tune examples/fashion_cnn.py:task

The images come from Debian's package dataset-fashion-mnist, or from the folder that SUREFOOT_DATA names. The example
shows the parts of a task: a function that builds the model, a loss, data, and a training length.
"""

from torch import nn
from torch.nn.functional import cross_entropy

from surefoot import Task
from surefoot.tasks.builtin.fashion_mnist import read_images
from surefoot.tasks.models_and_metrics import accuracy


def new_model() -> nn.Module:
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


images = read_images()
task = Task(
    name="fashion-cnn",
    model=new_model,
    loss=cross_entropy,
    train=images.train,
    valid=images.valid,
    batch_size=100,
    epochs=4,
    metric=accuracy,
)
