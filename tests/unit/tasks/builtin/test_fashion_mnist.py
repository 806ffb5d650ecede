import gzip
import struct

import numpy as np
import pytest
import torch

from surefoot.core.errors import DataError
from surefoot.tasks.builtin import fashion_mnist as module
from surefoot.tasks.builtin.fashion_mnist import fashion_mnist, read_pictures
from surefoot.tasks.sanity_check import probe

LUCK = np.random.default_rng(0)
IMAGES = LUCK.integers(0, 256, (50, 28, 28), np.uint8)
LABELS = LUCK.integers(0, 10, 50, np.uint8)


def write(folder, images=IMAGES, labels=LABELS, *, pack=bytes, suffix=""):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in (("train-images-idx3-ubyte", images), ("train-labels-idx1-ubyte", labels)):
        header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / (name + suffix)).write_bytes(pack(header + array.tobytes()))
    return folder


@pytest.fixture(autouse=True)
def _nowhere_else(monkeypatch, tmp_path):
    monkeypatch.delenv("SUREFOOT_DATA", raising=False)
    monkeypatch.setattr(module, "DEBIAN_FOLDER", tmp_path / "debian")


def test_it_is_the_task_of_the_design(tmp_path):
    images, labels = np.tile(IMAGES, (240, 1, 1)), np.tile(LABELS, 240)
    task = fashion_mnist(write(tmp_path, images, labels))
    assert (len(task.train), len(task.valid), task.batch_size, task.total_steps) == (8000, 2000, 100, 400)
    assert probe(task).parameters == (9 * 8 + 8) + (8 * 9 * 16 + 16) + (16 * 7 * 7 * 10 + 10)


def test_pictures_are_normalised_by_the_training_part(tmp_path):
    pictures = read_pictures(write(tmp_path), train=40, valid=10)
    mean, deviation = IMAGES[:40].mean(), IMAGES[:40].std()
    for (x, y), part in ((pictures.train, slice(0, 40)), (pictures.valid, slice(40, 50))):
        assert x.shape[1:] == (1, 28, 28)
        assert x[:, 0].numpy() == pytest.approx((IMAGES[part] - mean) / deviation, abs=1e-4)
        assert torch.equal(y, torch.from_numpy(LABELS[part].astype(np.int64)))


@pytest.mark.parametrize("subfolder", ["", "fashion-mnist", "FashionMNIST/raw"])
@pytest.mark.parametrize(("pack", "suffix"), [(bytes, ""), (gzip.compress, ".gz")])
def test_plain_and_packed_files_are_found_where_they_usually_lie(tmp_path, subfolder, pack, suffix):
    write(tmp_path / subfolder, pack=pack, suffix=suffix)
    assert len(read_pictures(tmp_path, train=5, valid=2).train[0]) == 5


def test_the_variable_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SUREFOOT_DATA", str(write(tmp_path / "data")))
    assert len(read_pictures(train=5, valid=2).valid[0]) == 2


def test_debians_folder_comes_last(tmp_path):
    write(tmp_path / "debian")
    assert len(read_pictures(train=5, valid=2).valid[0]) == 2


def test_a_folder_that_is_named_is_not_silently_replaced(tmp_path, monkeypatch):
    write(tmp_path / "debian")
    monkeypatch.setenv("SUREFOOT_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(DataError, match="elsewhere"):
        read_pictures(train=5, valid=2)


def test_absent_files_are_told_with_the_way_to_get_them(tmp_path):
    with pytest.raises(DataError) as caught:
        read_pictures(tmp_path)
    message = str(caught.value)
    assert f"in {tmp_path}" in message
    assert "apt-get install dataset-fashion-mnist" in message
    assert "SUREFOOT_DATA" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("images", "labels", "told"),
    [
        (IMAGES[:9], LABELS, r"10 pictures of 28×28 pixels .* given images of shape \[9, 28, 28\]"),
        (IMAGES, LABELS[:9], r"labels of shape \[9\]"),
        (IMAGES[:, :27], LABELS, r"images of shape \[10, 27, 28\]"),
        (IMAGES, LABELS + 200, r"labels from 0 to 9 are allowed; given 20\d"),
    ],
)
def test_files_that_do_not_fit_are_told(tmp_path, images, labels, told):
    with pytest.raises(DataError, match=told):
        read_pictures(write(tmp_path, images, labels), train=8, valid=2)
