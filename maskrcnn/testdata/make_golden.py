"""Proposals, losses and detections of torchvision's Mask R-CNN with a ResNet-18 and computed weights, and losses and gradients of one
with narrow heads for small pictures.

    python maskrcnn/testdata/make_golden.py      writes golden.safetensors and tiny.safetensors beside it

The test makes the weights and the pictures itself, by the same generator. The network is computed in float64. All anchors and
proposals are in the loss, so nothing is drawn at random. Needs torch, torchvision and safetensors.
"""
import os
import sys

import numpy as np
import torch
from safetensors.torch import save_file
from torchvision.models import resnet18
from torchvision.models.detection.backbone_utils import BackboneWithFPN, _resnet_fpn_extractor
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNN, MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import roi_align
from torchvision.ops.misc import FrozenBatchNorm2d

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../internal/golden"))
from computed import numbers  # noqa: E402

CLASSES = 3  # without the background
SAMPLES = 16  # numbers of each gradient that are kept, evenly spread
SIZES = [(128, 160), (128, 144)]  # height, width
PREDICTORS = {  # what their weights are multiplied by
    "rpn.head.cls_logits": 0.5, "rpn.head.bbox_pred": 0.1,
    "roi_heads.box_predictor.cls_score": 0.5, "roi_heads.box_predictor.bbox_pred": 0.5,
    "roi_heads.mask_predictor.mask_fcn_logits": 0.5,
}


def initialise(net):
    state = net.state_dict()
    for name, t in state.items():
        v = torch.from_numpy(numbers(name, t.numel())).reshape(t.shape)
        if t.dim() > 1:
            gain = PREDICTORS.get(name.removesuffix(".weight"), 1.0)
            v = v * float(np.float32(np.sqrt(3 / t[0].numel()) * gain))
        elif name.startswith("backbone.body") and not name.endswith((".bias", "running_mean")):
            v = 1 + 0.1 * v
        else:
            v = 0.1 * v
        state[name] = v
    net.load_state_dict(state)


def picture(i, half=1):
    height, width = SIZES[i][0] // half, SIZES[i][1] // half
    values = torch.from_numpy(numbers(f"picture {i}", height * width * 3)).reshape(height, width, 3)
    return (values.permute(2, 0, 1).double() + 1) / 2


def ellipse(size, box):
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    cx, cy, rx, ry = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
    return torch.from_numpy((((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1).astype(np.uint8))


def target(i, boxes, labels, half=1):
    size = SIZES[i][0] // half, SIZES[i][1] // half
    boxes = [[v / half for v in b] for b in boxes]
    return {
        "boxes": torch.tensor(boxes).double(), "labels": torch.tensor(labels),
        "masks": torch.stack([ellipse(size, b) for b in boxes]),
    }


def targets(half=1):
    return [target(0, [[20.0, 30, 110, 100], [90, 8, 130, 60]], [1, 3], half), target(1, [[30.0, 20, 120, 120]], [2], half)]


SETTINGS = dict(
    max_size=400, rpn_batch_size_per_image=10**6, box_batch_size_per_image=10**6, rpn_pre_nms_top_n_train=60, rpn_post_nms_top_n_train=40,
    rpn_pre_nms_top_n_test=60, rpn_post_nms_top_n_test=40, box_detections_per_img=12,
)


def save(name, out):
    save_file({k: v.float().contiguous() for k, v in out.items()}, os.path.join(os.path.dirname(__file__), name + ".safetensors"))


def train(net, half, out):
    """Keeps the losses and sets the gradients."""
    net.train()
    losses = net([picture(0, half), picture(1, half)], targets(half))
    sum(losses.values()).backward()
    for name, value in losses.items():
        out[name] = value.detach().reshape(1)


out, width = {}, 16
net = MaskRCNN(
    BackboneWithFPN(
        resnet18(weights=None, norm_layer=FrozenBatchNorm2d), {f"layer{i + 1}": str(i) for i in range(4)}, [64, 128, 256, 512], width),
    rpn_head=RPNHead(width, 3), box_head=TwoMLPHead(width * 49, 32), box_predictor=FastRCNNPredictor(32, CLASSES + 1),
    mask_head=MaskRCNNHeads(width, (width,) * 4, 1), mask_predictor=MaskRCNNPredictor(width, width, CLASSES + 1), min_size=64, **SETTINGS,
)
initialise(net)
net = net.double()
train(net, 2, out)
for name, p in net.named_parameters():
    flat = p.grad.reshape(-1)
    out["grad." + name] = flat[:: max(1, len(flat) // SAMPLES)].clone()
    out["norm." + name] = flat.norm().reshape(1)
save("tiny", out)


net = MaskRCNN(_resnet_fpn_extractor(resnet18(weights=None, norm_layer=FrozenBatchNorm2d), 5), CLASSES + 1, min_size=128, **SETTINGS)
initialise(net)
net, out = net.double(), {}
train(net, 1, out)

net.eval()
with torch.no_grad():
    images, _ = net.transform([picture(0), picture(1)])
    features = net.backbone(images.tensors)
    for i, f in enumerate(features.values()):
        out[f"p{i + 2}"] = f.permute(0, 2, 3, 1).reshape(-1)[::97].clone()
    proposals, _ = net.rpn(images, features)
    for i, found in enumerate(net([picture(0), picture(1)])):
        out[f"proposals.{i}"], out[f"boxes.{i}"], out[f"scores.{i}"] = proposals[i], found["boxes"], found["scores"]
        out[f"labels.{i}"] = found["labels"].double()
        pasted = found["masks"] >= 0.5  # [n, 1, H, W]
        out[f"areas.{i}"] = pasted.sum((1, 2, 3)).double()
        out[f"pixels.{i}"] = found["masks"].reshape(-1)[::1009].clone()

# ROIAlign by itself: values and gradients, all forms
x = torch.from_numpy(numbers("roialign", 2 * 9 * 11 * 5)).reshape(2, 9, 11, 5).permute(0, 3, 1, 2).double().requires_grad_()
rois = torch.tensor([[0, 3.0, 2, 40, 30], [1, -9, -5, 12, 60], [0, 20, 10, 20.5, 11], [1, 0, 0, 44, 36]]).double()
for aligned in (False, True):
    for ratio in (-1, 2):
        x.grad = None
        y = roi_align(x, rois, (3, 3), 0.25, ratio, aligned)
        weight = torch.from_numpy(numbers("upstream", y.numel())).reshape(4, 3, 3, 5).permute(0, 3, 1, 2).double()
        (y * weight).sum().backward()
        name = f"roialign.{aligned}.{ratio}"
        out[name] = y.detach().permute(0, 2, 3, 1).reshape(-1)
        out[name + ".grad"] = x.grad.permute(0, 2, 3, 1).reshape(-1)

save("golden", out)
