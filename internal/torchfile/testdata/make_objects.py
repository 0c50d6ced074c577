"""Writes objects.pt and objects-legacy.pt: a module that was saved whole, and what PyTorch Lightning puts into checkpoints.

Needs torch:

    python make_objects.py
"""
import argparse
import collections
import sys
import types
from pathlib import Path

import torch

lightning = types.ModuleType("pytorch_lightning.callbacks.model_checkpoint")


class ModelCheckpoint:
    pass


class AttributeDict(dict):
    pass


for c in (ModelCheckpoint, AttributeDict):
    c.__module__ = lightning.__name__
    setattr(lightning, c.__name__, c)
for name in ("pytorch_lightning", "pytorch_lightning.callbacks", lightning.__name__):
    sys.modules[name] = lightning

torch.manual_seed(1)
net = torch.nn.Sequential(collections.OrderedDict([
    ("first", torch.nn.Linear(2, 3)),
    ("rest", torch.nn.Sequential(torch.nn.ReLU(), torch.nn.BatchNorm1d(3))),
    ("pool", torch.nn.MaxPool2d(2)),
    ("up", torch.nn.Upsample(scale_factor=2, mode="nearest")),
]))
net.device = torch.device("cpu")
root = {
    "net": net,
    "weight": net.first.weight.data,
    "callbacks": {ModelCheckpoint: {"best_model_path": "a.ckpt", "best_model_score": torch.tensor(0.5)}},
    "hyper_parameters": AttributeDict(lr=0.1),
    "args": argparse.Namespace(batch=3),
}
here = Path(__file__).parent
torch.save(root, here / "objects.pt")


def no_source(_):
    raise OSError("the source code of classes is left out of the file")


torch.serialization.get_source_lines_and_file = no_source
torch.save(root, here / "objects-legacy.pt", _use_new_zipfile_serialization=False)
