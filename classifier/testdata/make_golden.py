"""Writes classifier.safetensors: a small classifier of this package in PyTorch, with random weights, its outputs and gradients.

    python classifier/testdata/make_golden.py
"""
import os

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

SIZE, WIDTHS, CLASSES, SMOOTHING = 64, [4, 6, 8], 3, 0.1


class Block(nn.Module):
    def __init__(self, a, b, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b)
        self.conv2, self.bn2 = nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b)
        if a != b or stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, WIDTHS[0], 3, 2, 1, bias=False), nn.BatchNorm2d(WIDTHS[0]), nn.ReLU())
        stages, last = [], WIDTHS[0]
        for i, width in enumerate(WIDTHS):
            stages.append(nn.Sequential(Block(last, width, 2 if i else 1), Block(width, width, 1)))
            last = width
        self.stages = nn.Sequential(*stages)
        self.fc = nn.Linear(last, CLASSES)

    def features(self, x):
        return self.stages(self.stem(x)).mean((2, 3))


torch.manual_seed(1)
model = Classifier()
for name, p in model.named_parameters():
    if p.dim() > 1:
        nn.init.normal_(p, 0, 0.3)
    else:
        nn.init.uniform_(p, 0.5, 1.5)
for name, b in model.named_buffers():
    if b.dtype == torch.float32:
        b.uniform_(0.5, 1.5)
out = {"weights." + k: v.clone() for k, v in model.state_dict().items()}
x = torch.rand(3, 3, SIZE, SIZE) * 2 - 1
out["x"] = x
model.eval()
out["features"] = model.features(x)
out["logits"] = model.fc(out["features"])
labels, attributes = torch.tensor([2, 0, 1]), torch.tensor([[1.0, 0, 1], [0, 0, 0], [1, 1, 0]])
out["labels"], out["attributes"] = labels, attributes
model.train()
logits = model.fc(model.features(x))
loss = F.cross_entropy(logits, labels, label_smoothing=SMOOTHING)
loss.backward()
out["loss"] = loss.reshape(1)
out["attribute_loss"] = F.binary_cross_entropy_with_logits(logits, attributes * (1 - SMOOTHING) + SMOOTHING / 2).reshape(1)
for name, p in model.named_parameters():
    out["grad." + name] = p.grad
save_file({k: v.detach().contiguous() for k, v in out.items()}, os.path.join(os.path.dirname(__file__), "classifier.safetensors"))
