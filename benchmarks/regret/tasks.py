"""The tasks: the method is developed on DEVELOPMENT; no choice of it may see TEST.

All are small: a training takes a second or less in a fleet. Data, architectures and seeds of the test tasks are other
ones than those of the development tasks. Nothing is downloaded, and every draw has a seed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib import import_module

import numpy as np
import torch
from sklearn import datasets
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.diagnosis import tasks as diagnosis
from benchmarks.diagnosis.random_tasks import random_task
from surefoot.tasks.builtin.fashion_mnist import read_images
from surefoot.tasks.loader import load_task
from surefoot.tasks.models_and_metrics import mlp
from surefoot.tasks.task import Task

Pair = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class Entry:
    """A task of the benchmark.

    Attributes:
        make: Returns it.
        overfits: Whether a shorter training is expected to be better: its grid then has all lengths.
    """

    make: Callable[[], Task]
    overfits: bool = False


def digits() -> Task:
    return load_task("digits")


def autoencoder() -> Task:
    return diagnosis.autoencoder().with_length(steps=400)


def autoencoder_long() -> Task:
    return replace(diagnosis.autoencoder(), name="autoencoder-long", steps=4000)


def mnist1d_overfit() -> Task:
    """MNIST-1D for an MLP that learns its 4000 samples by heart."""
    return replace(load_task("mnist1d"), name="mnist1d-overfit", steps=3000)


def random_regression() -> Task:
    return random_task(20).with_length(steps=2000)


def digits_deep() -> Task:
    """Handwritten digits for a deep and narrow ReLU net, whose units die at high rates."""
    bunch = datasets.load_digits()
    data = _split((_floats(bunch.data / 16), torch.tensor(bunch.target)), 500, seed=21)
    return _classes("digits-deep", lambda: mlp((64, 24, 24, 24, 24, 24, 10)), data, batch_size=32, steps=400)


def recall_gru() -> Task:
    """The value that is marked in a sequence."""
    draw = np.random.default_rng(22)
    samples, length = 2400, 8
    values, marks = draw.uniform(-1, 1, size=(samples, length)), np.zeros((samples, length))
    marks[np.arange(samples), draw.choice(length, samples)] = 1.0
    pair = _floats(np.stack([values, marks], -1)), _floats((values * marks).sum(1, keepdims=True))
    return _numbers("recall-gru", Recurrent, _split(pair, 400, seed=22), batch_size=48, steps=500)


def rings() -> Task:
    """Four rings, one around the other, for a deep and narrow tanh net."""
    draw = np.random.default_rng(23)
    samples, classes = 3000, 4
    labels, angle = draw.integers(classes, size=samples), draw.uniform(0, 2 * np.pi, samples)
    radius = (labels + 1) / classes + 0.04 * draw.normal(size=samples)
    x = 1.5 * radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    net = lambda: mlp((2, 16, 16, 16, 16, classes), activation="tanh")  # noqa: E731
    data = _split((_floats(x), torch.tensor(labels)), 600, seed=23)
    return _classes("rings", net, data, batch_size=50, steps=1500)


def mnist1d_conv() -> Task:
    """MNIST-1D of another seed, for two convolutions."""

    def model() -> nn.Module:
        first = (nn.Unflatten(1, (1, 40)), nn.Conv1d(1, 8, 5, stride=2, padding=2), nn.ReLU())
        second = (nn.Conv1d(8, 16, 5, stride=2, padding=2), nn.ReLU())
        return nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(160, 10))

    return _classes("mnist1d-conv", model, _mnist1d(seed=7), batch_size=64, steps=500)


def mnist1d_batchnorm() -> Task:
    """MNIST-1D of another seed, for an MLP with BatchNorm and Dropout."""

    def model() -> nn.Module:
        first = (nn.Linear(40, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2))
        return nn.Sequential(*first, nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))

    return _classes("mnist1d-batchnorm", model, _mnist1d(seed=8), batch_size=100, steps=1000)


class Recurrent(nn.Module):
    """A GRU that reads a sequence and says one number."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.gru, self.read = nn.GRU(2, width, batch_first=True), nn.Linear(width, 1)

    def forward(self, sequence: Tensor) -> Tensor:
        read: Tensor = self.read(self.gru(sequence)[0][:, -1])
        return read


def adding_gru() -> Task:
    """The adding problem over 10 steps (Hochreiter & Schmidhuber, 1997)."""
    draw = np.random.default_rng(11)
    samples, length = 3000, 10
    values, marks = draw.uniform(size=(samples, length)), np.zeros((samples, length))
    for row in marks:
        row[draw.choice(length, 2, replace=False)] = 1.0
    pair = _floats(np.stack([values, marks], -1)), _floats((values * marks).sum(1, keepdims=True) - 1.0)
    return _numbers("adding-gru", Recurrent, _split(pair, 500, seed=11), batch_size=64, steps=600)


def breast_cancer() -> Task:
    """A table of 569 tumours, more than half of them held out."""
    bunch = datasets.load_breast_cancer()
    x = (bunch.data - bunch.data.mean(0)) / bunch.data.std(0)
    data = _split((_floats(x), torch.tensor(bunch.target)), 300, seed=12)
    return _classes("breast-cancer", lambda: mlp((30, 32, 2)), data, batch_size=32, steps=600)


def diabetes_overfit() -> Task:
    """A table of 442 patients, for a net that learns half of them by heart."""
    x, y = datasets.load_diabetes(return_X_y=True)
    pair = _floats(x / x.std()), _floats((y - y.mean()) / y.std())[:, None]
    data = _split(pair, 221, seed=13)
    net = lambda: mlp((10, 64, 64, 1), activation="tanh")  # noqa: E731
    return _numbers("diabetes-overfit", net, data, batch_size=32, steps=2000)


def wrong_labels() -> Task:
    """Three classes of which a fifth of the labels are wrong, for a net that learns them by heart."""
    x, y = datasets.make_classification(
        1100, n_features=16, n_informative=8, n_classes=3, flip_y=0.2, class_sep=1.2, random_state=14
    )
    data = _split((_floats(x / x.std()), torch.tensor(y)), 500, seed=14)
    return _classes("wrong-labels", lambda: mlp((16, 64, 64, 3)), data, batch_size=50, steps=2000)


def characters() -> Task:
    """The next character of Python's own source from the six before it."""
    texts = [inspect.getsource(import_module(name)) for name in ("argparse", "textwrap", "shutil", "heapq")]
    known = {letter: number for number, letter in enumerate(sorted(set("".join(texts))))}
    parts = [(text[: int(0.9 * len(text))], text[int(0.9 * len(text)) :]) for text in texts]
    train, valid = (_windows([pair[part] for pair in parts], known, stride) for part, stride in ((0, 1), (1, 8)))

    def model() -> nn.Module:
        return nn.Sequential(
            nn.Embedding(len(known), 12), nn.Flatten(), nn.Linear(72, 96), nn.ReLU(), nn.Linear(96, len(known))
        )

    return _classes("characters", model, (train, valid), batch_size=64, steps=2000)


def digits_conv() -> Task:
    """Handwritten digits for a small convolutional net."""
    bunch = datasets.load_digits()
    pair = _floats(bunch.data / 16).view(-1, 1, 8, 8), torch.tensor(bunch.target)

    def model() -> nn.Module:
        convolutions = (nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1))
        return nn.Sequential(*convolutions, nn.ReLU(), nn.Flatten(), nn.Linear(64, 10))

    return _classes("digits-conv", model, _split(pair, 500, seed=16), batch_size=32, steps=300)


class Attention(nn.Module):
    """Embedding and one block of attention; the last token reads what was found."""

    def __init__(self, tokens: int, length: int, classes: int, width: int = 24) -> None:
        super().__init__()
        self.embed = nn.Embedding(tokens, width)
        self.position = nn.Parameter(0.5 * torch.randn(length, width))
        self.attend = nn.MultiheadAttention(width, 2, batch_first=True)
        self.norm, self.read = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        state = self.embed(tokens) + self.position
        query = state[:, -1:]
        read: Tensor = self.read(self.norm(query + self.attend(query, state, state, need_weights=False)[0])[:, 0])
        return read


def lookup_attention() -> Task:
    """The last token of a sequence names the position whose token is asked for."""
    draw = np.random.default_rng(17)
    letters, length, samples = 4, 6, 4500
    sequences = draw.integers(letters, size=(samples, length))
    asked = draw.integers(length, size=samples)
    tokens = torch.tensor(np.concatenate([sequences, letters + asked[:, None]], axis=1))
    labels = torch.tensor(sequences[np.arange(samples), asked])
    net = lambda: Attention(letters + length, length + 1, letters)  # noqa: E731
    return _classes("lookup-attention", net, _split((tokens, labels), 500, seed=17), batch_size=64, steps=1000)


def teacher() -> Task:
    """Three numbers that a tanh net computes, learned by a wider ReLU net."""
    draw = np.random.default_rng(18)
    x = draw.normal(size=(5000, 12))
    hidden = np.tanh(x @ draw.normal(size=(12, 16)) / 12**0.5 * 1.5)
    y = hidden @ draw.normal(size=(16, 3)) / 4.0 + 0.05 * draw.normal(size=(5000, 3))
    data = _split((_floats(x), _floats(y)), 1000, seed=18)
    return _numbers("teacher", lambda: mlp((12, 64, 64, 3)), data, batch_size=50, steps=3000)


def spirals() -> Task:
    """Three spirals wound into each other, for a deep and narrow tanh net."""
    draw = np.random.default_rng(19)
    samples, classes = 3600, 3
    labels, radius = draw.integers(classes, size=samples), np.sqrt(draw.uniform(0.02, 1.0, samples))
    angle = 2 * np.pi * (labels / classes + 1.25 * radius) + 0.12 * draw.normal(size=samples)
    x = 1.5 * radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    net = lambda: mlp((2, 24, 24, 24, 24, classes), activation="tanh")  # noqa: E731
    data = _split((_floats(x), torch.tensor(labels)), 600, seed=19)
    return _classes("spirals", net, data, batch_size=60, steps=2000)


def fashion_mlp() -> Task:
    """Pictures of clothes, shrunk to 7×7, for an MLP."""
    pictures = read_images(train=6000, valid=1000)
    train, valid = (
        (functional.avg_pool2d(images, 4).flatten(1), labels) for images, labels in (pictures.train, pictures.valid)
    )
    return _classes("fashion-mlp", lambda: mlp((49, 64, 10)), (train, valid), batch_size=50, steps=2000)


# Both in about the order of what a training costs.
DEVELOPMENT = {
    "digits": Entry(digits),
    "autoencoder": Entry(autoencoder),
    "friedman": Entry(diagnosis.friedman),
    "layernorm": Entry(diagnosis.normalised),
    "attention": Entry(diagnosis.attention),
    "digits-deep": Entry(digits_deep),
    "recall-gru": Entry(recall_gru),
    "rings": Entry(rings),
    "random-20": Entry(random_regression),
    "mnist1d-overfit": Entry(mnist1d_overfit, overfits=True),
    "autoencoder-long": Entry(autoencoder_long),
}
TEST = {
    "digits-conv": Entry(digits_conv),
    "breast-cancer": Entry(breast_cancer, overfits=True),
    "mnist1d-conv": Entry(mnist1d_conv),
    "adding-gru": Entry(adding_gru),
    "mnist1d-batchnorm": Entry(mnist1d_batchnorm),
    "diabetes-overfit": Entry(diabetes_overfit, overfits=True),
    "lookup-attention": Entry(lookup_attention),
    "wrong-labels": Entry(wrong_labels, overfits=True),
    "spirals": Entry(spirals),
    "fashion-mlp": Entry(fashion_mlp),
    "teacher": Entry(teacher),
    "characters": Entry(characters),
}
ENTRIES = DEVELOPMENT | TEST
# Short trainings of small nets: for a look at the whole benchmark in a few minutes.
QUICK = ("digits", "digits-conv")


def _classes(
    name: str, model: Callable[[], nn.Module], data: tuple[Pair, Pair], *, batch_size: int, steps: int
) -> Task:
    return Task(name, model, functional.cross_entropy, *data, batch_size=batch_size, steps=steps)


def _numbers(
    name: str, model: Callable[[], nn.Module], data: tuple[Pair, Pair], *, batch_size: int, steps: int
) -> Task:
    return Task(name, model, functional.mse_loss, *data, batch_size=batch_size, steps=steps)


def _split(pair: Pair, held_out: int, *, seed: int) -> tuple[Pair, Pair]:
    """Return training and validation data."""
    inputs, targets = pair
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(seed))
    inputs, targets = inputs[order], targets[order]
    return (inputs[held_out:], targets[held_out:]), (inputs[:held_out], targets[:held_out])


def _mnist1d(*, seed: int) -> tuple[Pair, Pair]:
    """Return 4000 training and 1000 validation signals of a seed."""
    from mnist1d.data import get_dataset_args, make_dataset  # noqa: PLC0415  (it takes a second)

    settings = get_dataset_args()
    settings.seed = seed
    state = np.random.get_state()  # it seeds NumPy's global generator
    data = make_dataset(settings)
    np.random.set_state(state)
    x, y, x_valid, y_valid = (torch.from_numpy(data[key]) for key in ("x", "y", "x_test", "y_test"))
    return (x.float(), y), (x_valid.float(), y_valid)


def _windows(texts: Iterable[str], known: dict[str, int], stride: int, length: int = 6) -> Pair:
    """Return every so many windows of characters, and the character after each."""
    rows = [
        [known[letter] for letter in text[begin : begin + length + 1]]
        for text in texts
        for begin in range(0, len(text) - length, stride)
    ]
    table = torch.tensor(rows)
    return table[:, :length], table[:, length]


def _floats(values: np.ndarray) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)
