"""Small tasks of every kind of model, in float64, and the plain loop that trains one member of a fleet alone."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from surefoot.recipe.recipe import Recipe
from surefoot.tasks.batch_order_and_trees import BatchOrder
from surefoot.tasks.seeding import derive_seed
from surefoot.tasks.task import Task

SAMPLES, VALID = 60, 17
STEPS = 60


class Attention(nn.Module):
    """Tokens, embedded, normalised, one block of attention, the embedding again as the output layer (tied)."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 8)
        self.norm = nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 7, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.norm(self.embedding(tokens))
        return self.head(x + self.attention(x, x, x, need_weights=False)[0])[:, -1]


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(3, 6, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.gru(x.view(len(x), 4, 3))[0][:, -1])


class Partial(nn.Module):
    """A frozen layer, a layer that the loss never sees, and a trained one."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen, self.unused, self.head = nn.Linear(12, 6), nn.Linear(3, 2), nn.Linear(6, 3)
        self.frozen.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.frozen(x)))


class FineTuned(nn.Module):
    """A new head on a frozen body that somebody trained before, with its own normalisation statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(12, 6), nn.BatchNorm1d(6), nn.ReLU()).requires_grad_(False)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))


class LowRank(nn.Module):
    """A frozen linear layer and the product of two thin ones next to it (LoRA, arXiv:2106.09685)."""

    def __init__(self, layer: nn.Linear, rank: int) -> None:
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, layer.in_features) / layer.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + 2.0 * x @ self.down.T @ self.up.T


def adapted() -> nn.Module:
    return nn.Sequential(LowRank(nn.Linear(12, 10), 2), nn.Tanh(), LowRank(nn.Linear(10, 3), 2))


class Smoothed(nn.Module):
    """Assigns a new tensor to its buffer at every step, and registers that buffer under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(12, 3)
        self.register_buffer("mean", torch.zeros(3))
        self.other = nn.Module()
        self.other.register_buffer("own", torch.ones(2))
        self.again = nn.Module()
        self.again.register_buffer("same", self.other.own)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * y.detach().mean(0)
            self.other.own.mul_(0.99)
        return y + self.mean * self.again.same.sum()


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.label, self.size = nn.Linear(12, 6), nn.Linear(6, 3), nn.Linear(6, 1)

    def forward(self, x: Tensor, *, scale: float) -> dict[str, Tensor]:
        hidden = torch.tanh(self.body(x)) * scale
        return {"label": self.label(hidden), "size": self.size(hidden)}


def two_losses(model: Callable[..., Any], batch: dict[str, Tensor]) -> Tensor:
    out = model(batch["x"], scale=0.5)
    return nn.functional.cross_entropy(out["label"], batch["label"]) + 0.3 * nn.functional.mse_loss(
        out["size"], batch["size"]
    )


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(12, 10), nn.LayerNorm(10), nn.Tanh(), nn.Linear(10, 3))


def convolution() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 3, 4)),
        nn.Conv2d(1, 4, 2, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(24, 3),
    )


def convolution_in_time() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 12)),
        nn.Conv1d(1, 4, 3, padding=1),
        nn.BatchNorm1d(4),
        nn.ReLU(),
        nn.Conv1d(4, 3, 3, stride=2, bias=False),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(15, 3),
    )


def accuracy(output: Tensor, target: Tensor) -> Tensor:
    return (output.argmax(-1) == target).double().mean()


def data(seed: int, samples: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, 12, generator=generator)
    label = (x @ torch.linspace(-1, 1, 12)).mul(2).round().clamp(-1, 1).long() + 1
    tokens = torch.randint(0, 7, (samples, 5), generator=generator)
    return {"x": x, "label": label, "size": x[:, :1] * x[:, 1:2], "tokens": tokens, "next": tokens.sum(1) % 7}


def make_task(kind: str) -> Task:
    """Return the task of a name; call it where the default type is float64."""
    parts = {"train": data(0, SAMPLES), "valid": data(1, VALID)}
    settings: dict[str, Any] = {"batch_size": 8, "steps": STEPS}
    columns: tuple[str, str] = ("x", "label")
    models = {
        "perceptron": perceptron,
        "accumulated": perceptron,
        "convolution": convolution,
        "convolution in time": convolution_in_time,
        "recurrent": Recurrent,
        "partial": Partial,
        "fine-tuned": FineTuned,
        "adapters": adapted,
        "smoothed": Smoothed,
    }
    if kind == "two losses":
        return Task(kind, Two, objective=two_losses, **parts, **settings)
    if kind == "attention":
        columns = ("tokens", "next")
    if kind == "regression":
        columns = ("x", "size")
    loss = nn.functional.mse_loss if kind == "regression" else nn.functional.cross_entropy
    model = {"attention": Attention, "regression": lambda: nn.Sequential(nn.Linear(12, 6), nn.Tanh(), nn.Linear(6, 1))}
    splits = {name: tuple(part[column] for column in columns) for name, part in parts.items()}
    settings |= {"accumulate": 3} if kind == "accumulated" else {}
    settings |= {} if kind == "regression" else {"metric": accuracy}
    return Task(kind, (models | model)[kind], loss, **splits, **settings)


class Alone:
    """One member trained in an ordinary PyTorch loop; its initialisation, batches and masks are the fleet's."""

    def __init__(self, task: Task, recipe: Recipe, *, seed: int, total: int = STEPS) -> None:
        self.task, self.seed, self.done = task, seed, 0
        self.order = BatchOrder(len(task.train), task.batch_size, seed=derive_seed(seed, "data"))
        torch.manual_seed(derive_seed(seed, "initialisation"))
        self.model = task.model()
        self.optimizer, self.scheduler = recipe.build(self.model, steps=total)

    def train(self, steps: int) -> Tensor:
        """Take some steps; return their losses."""
        self.model.train()
        return torch.stack([self._step() for _ in range(steps)])

    def scores(self) -> tuple[float, float | None]:
        """Return loss and metric on the validation data."""
        self.model.eval()
        batch = self.task.batch("valid", torch.arange(VALID))
        with torch.no_grad():
            metric = None if self.task.metric is None else self.task.metric(self.model(batch[0]), batch[1]).item()
            return self._loss(batch).item(), metric

    def _step(self) -> Tensor:
        accumulate, losses = self.task.accumulate, []
        self.optimizer.zero_grad()
        for micro in range(self.done * accumulate, (self.done + 1) * accumulate):
            torch.manual_seed(derive_seed(self.seed, "forward", micro))
            loss = self._loss(self.task.batch("train", self.order.indices(micro)))
            (loss / accumulate).backward()
            losses.append(loss.detach())
        self.optimizer.step()
        self.scheduler.step()
        self.done += 1
        return torch.stack(losses).mean()

    def _loss(self, batch: Any) -> Tensor:
        if self.task.objective is not None:
            return self.task.objective(self.model, batch)
        assert self.task.loss is not None
        return self.task.loss(self.model(batch[0]), batch[1])


class State(NamedTuple):
    """What two trainings are compared by."""

    params: dict[str, Tensor]
    buffers: dict[str, Tensor]


def state_of(model: nn.Module) -> State:
    trained = {name: param.detach() for name, param in model.named_parameters() if param.requires_grad}
    return tree_map(torch.Tensor.clone, State(trained, dict(model.named_buffers())))
