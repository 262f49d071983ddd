"""The commands can be started, and what they take from a repository is there."""

import json
import random
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open

from cprs_training import fusion_items, unpack
from cprs_training.engine import REPOSITORY

CORPUS = REPOSITORY.parent / "shared/data/corpus"


def test_help_names_every_step():
    run = subprocess.run([sys.executable, "-m", "cprs_training", "--help"], cwd=REPOSITORY / "Training", capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert all(step in run.stdout for step in ("tokenizer", "data", "init", "train", "export", "unpack", "fuse", "feedback", "evaluate"))


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shipped")
    unpack.unpack(unpack.SHIPPED, unpack.TOKENIZER, folder)
    return folder


def test_the_shipped_model_unpacks_to_one_with_its_scores(shipped):
    """As far as bf16 activations, of which the recorded scores are, lie from float32."""
    with safe_open(unpack.SHIPPED, "pt") as file:
        recorded = json.loads(file.get_tensor("files/cprs_selfcheck.json").numpy().tobytes())
    found = json.loads((shipped / "cprs_selfcheck.json").read_text())
    assert found["text"] == recorded["text"]
    assert torch.tensor(found["kept"]).allclose(torch.tensor(recorded["kept"]), rtol=0, atol=0.1)


@pytest.mark.skipif(not (REPOSITORY / ".build/release/cprs").exists(), reason="no .build/release/cprs")
def test_packing_again_gives_the_same_file(shipped, tmp_path):
    """But for the recorded scores, in which processors differ a little."""
    path = tmp_path / "again.cprs"
    subprocess.run([REPOSITORY / ".build/release/cprs", "pack", shipped, "--precision", "bf16", "-o", path], check=True, capture_output=True)

    def tensors(path):
        with safe_open(path, "pt") as file:
            names = [name for name in file.keys() if not name.startswith("padding.") and name != "files/cprs_selfcheck.json"]
            return {name: file.get_tensor(name) for name in names}

    again, shipped_ones = tensors(path), tensors(unpack.SHIPPED)
    assert again.keys() == shipped_ones.keys()
    assert [name for name in again if not torch.equal(again[name], shipped_ones[name])] == []


@pytest.mark.skipif(not CORPUS.exists(), reason="no corpus")
@pytest.mark.parametrize("task", fusion_items.MADE)
def test_every_kind_of_fusion_item_can_be_made(task):
    items = fusion_items.made(CORPUS, task, 0.2, random.Random(1))
    assert {item.family for item in items} == {f"{task}-{kind}" for kind in fusion_items.MADE[task]}
    for item in items:
        assert bool(item.gold) != item.family.endswith("absent")
        assert all(0 <= start < end <= len(item.text) for start, end in item.gold)
