"""A small causal transformer that learns to write Python, character by character.

    surefoot tune examples/char_transformer.py:task

The text is the source of a few modules of Python's own standard library; the last two are held out.
Shows a sequence model: the targets are the inputs moved by one, and every position has a loss.
"""

import sysconfig
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from surefoot.tasks.task import Task

TRAIN_FILES = ("argparse.py", "bdb.py", "difflib.py", "doctest.py", "heapq.py", "inspect.py", "tarfile.py")
VALID_FILES = ("shutil.py", "zipapp.py")
LENGTH = 32
CHARACTERS = 97  # newline, the 95 printable ASCII characters, and one for all the others


class CharTransformer(nn.Module):
    def __init__(self, width: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.embed = nn.Embedding(CHARACTERS, width)
        self.position = nn.Parameter(0.02 * torch.randn(LENGTH, width))
        self.norm_attention = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.norm_feed_forward = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.norm_head = nn.LayerNorm(width)
        self.head = nn.Linear(width, CHARACTERS)

    def forward(self, text: Tensor) -> Tensor:
        x: Tensor = self.embed(text) + self.position
        x = x + self.attend(self.norm_attention(x))
        x = x + self.feed_forward(self.norm_feed_forward(x))
        scores: Tensor = self.head(self.norm_head(x))
        return scores

    def attend(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        split = self.query_key_value(x).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        # Written out: the fused attention has no batching rule for vmap on the CPU, and no second derivative.
        future = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
        scores = (query @ key.transpose(-1, -2) / key.shape[-1] ** 0.5).masked_fill(future, float("-inf"))
        seen = scores.softmax(dim=-1) @ value
        mixed: Tensor = self.mix(seen.transpose(1, 2).reshape(batch, length, width))
        return mixed


def read_text(files: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Return windows of characters [N, LENGTH] and the characters that follow each of them, of the same shape."""
    folder = Path(sysconfig.get_path("stdlib"))
    text = "".join((folder / file).read_text(encoding="utf-8") for file in files)
    codes = torch.tensor([character_code(character) for character in text])
    windows = (len(codes) - 1) // LENGTH
    return codes[: windows * LENGTH].view(windows, LENGTH), codes[1 : windows * LENGTH + 1].view(windows, LENGTH)


def character_code(character: str) -> int:
    if character == "\n":
        return 0
    return ord(character) - 31 if " " <= character <= "~" else CHARACTERS - 1


def loss(scores: Tensor, following: Tensor) -> Tensor:
    return functional.cross_entropy(scores.flatten(0, 1), following.flatten())


def accuracy(scores: Tensor, following: Tensor) -> Tensor:
    return (scores.argmax(dim=-1) == following).float().mean()


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
