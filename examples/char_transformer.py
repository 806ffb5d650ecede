"""Train a small causal transformer to write Python code, character by character.

    surefoot tune examples/char_transformer.py:task

The text is the source of a few modules of Python's standard library; two more are the validation data.
The example shows a sequence model: the targets are the inputs shifted by one, and every position has a loss.
"""

import sysconfig
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from surefoot import Task

TRAIN_FILES = ("argparse.py", "bdb.py", "difflib.py", "doctest.py", "heapq.py", "inspect.py", "tarfile.py")
VALID_FILES = ("shutil.py", "zipapp.py")
CONTEXT_LENGTH = 32  # characters in one sample
VOCABULARY_SIZE = 97  # newline, the 95 printable ASCII characters, and one code for all others


class CharTransformer(nn.Module):
    def __init__(self, width: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.embed = nn.Embedding(VOCABULARY_SIZE, width)
        self.position = nn.Parameter(0.02 * torch.randn(CONTEXT_LENGTH, width))
        self.norm_attention = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.norm_feed_forward = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.norm_head = nn.LayerNorm(width)
        self.head = nn.Linear(width, VOCABULARY_SIZE)

    def forward(self, text: Tensor) -> Tensor:
        x: Tensor = self.embed(text) + self.position
        x = x + self.attend(self.norm_attention(x))
        x = x + self.feed_forward(self.norm_feed_forward(x))
        logits: Tensor = self.head(self.norm_head(x))
        return logits

    def attend(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        split = self.query_key_value(x).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        # Written out, because fused attention has no batching rule for vmap on the CPU and no second derivative.
        future = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
        scores = (query @ key.transpose(-1, -2) / key.shape[-1] ** 0.5).masked_fill(future, float("-inf"))
        attended = scores.softmax(dim=-1) @ value
        output: Tensor = self.project(attended.transpose(1, 2).reshape(batch, length, width))
        return output


def read_text(files: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Return windows of character codes [N, CONTEXT_LENGTH], and the codes that follow, of the same shape."""
    folder = Path(sysconfig.get_path("stdlib"))
    text = "".join((folder / file).read_text(encoding="utf-8") for file in files)
    codes = torch.tensor([character_code(character) for character in text])
    windows = (len(codes) - 1) // CONTEXT_LENGTH
    return codes[: windows * CONTEXT_LENGTH].view(windows, CONTEXT_LENGTH), codes[
        1 : windows * CONTEXT_LENGTH + 1
    ].view(windows, CONTEXT_LENGTH)


def character_code(character: str) -> int:
    if character == "\n":
        return 0
    return ord(character) - 31 if " " <= character <= "~" else VOCABULARY_SIZE - 1


def loss(logits: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def accuracy(logits: Tensor, targets: Tensor) -> Tensor:
    return (logits.argmax(dim=-1) == targets).float().mean()


task = Task(
    name="char-transformer",
    model=CharTransformer,
    loss=loss,
    train=read_text(TRAIN_FILES),
    valid=read_text(VALID_FILES),
    batch_size=32,
    steps=300,
    metric=accuracy,
)
