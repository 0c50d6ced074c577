"""Losses, gradients and detections of torchvision's ssd300_vgg16 with computed weights, and losses and gradients of one with two
feature maps, for pictures of 48 pixels.

    python ssd/testdata/make_golden.py      writes golden.safetensors and tiny.safetensors beside it

The test makes the weights and the picture itself, by the same generator. The network is computed in float64. Needs torch, torchvision
and safetensors.
"""
import os
import sys

import numpy as np
import torch
from safetensors.torch import save_file
from torchvision import ops
from torchvision.models.detection import ssd, ssd300_vgg16
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../internal/golden"))
from computed import numbers  # noqa: E402

CLASSES = 3  # without the background
SAMPLES = 16  # gradients of each parameter that are kept, evenly spread


def initialise(net):
    state = net.state_dict()
    for name, t in state.items():
        v = torch.from_numpy(numbers(name, t.numel())).reshape(t.shape)
        if t.dim() > 1:
            v = v * float(np.float32(np.sqrt(6 / t[0].numel())))
            if name.startswith("head."):
                v = v * 0.003
        elif name.endswith("scale_weight"):
            v = 20 + v
        else:
            v = 0.1 * v
        state[name] = v
    net.load_state_dict(state)


def save(name, out):
    save_file({k: v.float().contiguous() for k, v in out.items()}, os.path.join(os.path.dirname(__file__), name + ".safetensors"))


def picture(size):
    values = torch.from_numpy(numbers("picture", size * size * 3)).reshape(size, size, 3)
    return (values.permute(2, 0, 1).double() + 1) / 2


def learn(net, x, targets):
    """Losses, and of the gradient of each parameter its norm and some numbers."""
    losses = net([x], targets)
    sum(losses.values()).backward()
    out = {name: value.detach().reshape(1) for name, value in losses.items()}
    for name, p in net.named_parameters():
        flat = p.grad.reshape(-1)
        out["grad." + name] = flat[:: max(1, len(flat) // SAMPLES)].clone()
        out["norm." + name] = flat.norm().reshape(1)
    return out


net = ssd300_vgg16(weights=None, weights_backbone=None, num_classes=CLASSES + 1)
initialise(net)
net = net.double()
targets = [
    {
        "boxes": torch.tensor([[20.0, 30, 140, 200], [150, 40, 190, 75], [5, 250, 290, 298]]).double(),
        "labels": torch.tensor([1, 3, 2]),
    }
]

net.train()
out = learn(net, picture(300), targets)

# The notebook's regression losses, of the decoded boxes of matched priors.
with torch.no_grad():
    images, scaled = net.transform([picture(300)], targets)
    maps = list(net.backbone(images.tensors).values())
    outputs = net.head(maps)
    anchors = net.anchor_generator(images, maps)[0].double()
    matched = net.proposal_matcher(ops.box_iou(targets[0]["boxes"], anchors))
    of = torch.where(matched >= 0)[0]
    decoded = net.box_coder.decode_single(outputs["bbox_regression"][0][of], anchors[of])
    truth = targets[0]["boxes"][matched[of]]
    for name, f in {"giou": ops.generalized_box_iou_loss, "diou": ops.distance_box_iou_loss, "ciou": ops.complete_box_iou_loss}.items():
        out[name] = f(decoded, truth).mean().reshape(1)

net.eval()
with torch.no_grad():
    found = net([picture(300)])[0]
out |= {"boxes": found["boxes"], "scores": found["scores"], "labels": found["labels"].double()}
save("golden", out)

backbone = ssd300_vgg16(weights=None, weights_backbone=None).backbone
backbone.extra = backbone.extra[:1]
anchors = DefaultBoxGenerator([[2], [2]], scales=[0.2, 0.5, 1.05])
head = ssd.SSDHead([512, 1024], anchors.num_anchors_per_location(), CLASSES + 1)
mean, deviation = [0.48235, 0.45882, 0.40784], [1 / 255] * 3
net = ssd.SSD(backbone, anchors, (48, 48), CLASSES + 1, head=head, image_mean=mean, image_std=deviation)
initialise(net)
targets = [{"boxes": torch.tensor([[4.0, 6, 30, 40], [30, 8, 40, 17]]).double(), "labels": torch.tensor([1, 3])}]
save("tiny", learn(net.double().train(), picture(48), targets))
