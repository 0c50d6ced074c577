"""Values of torchvision for package detect: measures, losses, codes, suppression, matching, default boxes and anchors.

    python detect/testdata/make_golden.py      writes golden.safetensors beside it

Needs torch, torchvision and safetensors. Soft suppression is not in torchvision; it is the loop of the paper (Bodla et al., 2017).
"""
import os

import torch
from safetensors.torch import save_file
from torchvision import ops
from torchvision.models.detection import _utils
from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList

g = torch.Generator().manual_seed(0)
out = {}


def some(n, size=200.0):
    corner = torch.rand(n, 2, generator=g) * size
    return torch.cat([corner, corner + 1 + torch.rand(n, 2, generator=g) * size / 2], 1)


# Measures and losses. The second half of the pairs is close to each other.
a, b = some(24), some(24)
b[12:] = a[12:] + torch.randn(12, 4, generator=g)
b[:, 2:] = torch.maximum(b[:, 2:], b[:, :2] + 0.5)
out |= {"a": a, "b": b}
out["iou"] = ops.box_iou(a, b)
out["giou"] = ops.generalized_box_iou(a, b)
out["diou"] = ops.distance_box_iou(a, b)
out["ciou"] = ops.complete_box_iou(a, b)
weight = torch.rand(24, generator=g)
out["weight"] = weight
for name, f in {"giou": ops.generalized_box_iou_loss, "diou": ops.distance_box_iou_loss, "ciou": ops.complete_box_iou_loss}.items():
    x, y = a.double().requires_grad_(), b.double().requires_grad_()
    loss = f(x, y)
    (loss * weight).sum().backward()
    out[f"{name}_loss"], out[f"{name}_loss_a"], out[f"{name}_loss_b"] = loss.detach(), x.grad, y.grad

# Codes.
for name, weights in {"ssd": (10, 10, 5, 5), "rpn": (1, 1, 1, 1)}.items():
    coder = _utils.BoxCoder(weights)
    out[f"{name}_code"] = coder.encode_single(b, a)
    code = torch.randn(24, 4, generator=g) * torch.tensor(weights) * 2
    out[f"{name}_random"] = code
    out[f"{name}_decoded"] = coder.decode_single(code, a)

# Suppression: clusters of boxes, with equal scores among them.
boxes = some(40)[torch.randint(0, 40, (600,), generator=g)] + 4 * torch.randn(600, 4, generator=g)
boxes[:, 2:] = torch.maximum(boxes[:, 2:], boxes[:, :2] + 0.5)
scores = (torch.rand(600, generator=g) * 200).round() / 200
classes = torch.randint(0, 5, (600,), generator=g)
out |= {"nms_boxes": boxes, "nms_scores": scores, "nms_classes": classes}
for percent in (0, 10, 30, 45, 70, 95):
    out[f"nms_{percent}"] = ops.nms(boxes, scores, percent / 100)
kept = []  # boxes._batched_nms_vanilla, without the rounding of moved boxes
mask = torch.zeros(600, dtype=torch.bool)
for c in range(5):
    of = torch.where(classes == c)[0]
    mask[of[ops.nms(boxes[of], scores[of], 0.45)]] = True
index = torch.where(mask)[0]
out["nms_classes_45"] = index[scores[index].sort(descending=True, stable=True)[1]]


def soft(boxes, scores, sigma, threshold, least):
    scores, left, kept, new = scores.double().clone(), list(range(len(scores))), [], []
    while left:
        best = max(left, key=lambda i: (scores[i].item(), -i))
        kept.append(best)
        new.append(scores[best].item())
        left.remove(best)
        if left:
            iou = ops.box_iou(boxes[best : best + 1].double(), boxes[left].double())[0]
            scores[left] *= torch.exp(-(iou**2) / sigma) if sigma else torch.where(iou > threshold, 1 - iou, torch.ones_like(iou))
            left = [i for i in left if scores[i] >= least]
    return torch.tensor(kept), torch.tensor(new, dtype=torch.float32)


few, of = boxes[:120], torch.rand(120, generator=g)
out["soft_scores_in"] = of
for name, arguments in {"linear": (0, 0.3, 0.05), "gaussian": (0.5, 0, 0.05)}.items():
    out[f"soft_{name}"], out[f"soft_{name}_scores"] = soft(few, of, *arguments)

# Priors.
features = [torch.zeros(1, 1, n, n) for n in (38, 19, 10, 5, 3, 1)]
images = ImageList(torch.zeros(1, 3, 300, 300), [(300, 300)])
ratios = [[2], [2, 3], [2, 3], [2, 3], [2], [2]]
steps = [8, 16, 32, 64, 100, 300]
coco = DefaultBoxGenerator(ratios, scales=[0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05], steps=steps)(images, features)[0]
voc = DefaultBoxGenerator(ratios, scales=[0.1, 0.2, 0.37, 0.54, 0.71, 0.88, 1.05], steps=steps)(images, features)[0]
free = DefaultBoxGenerator([[2], [3]], scales=[0.2, 0.5, 0.9], clip=False)(
    ImageList(torch.zeros(1, 3, 120, 200), [(120, 200)]), [torch.zeros(1, 1, 5, 7), torch.zeros(1, 1, 2, 3)])[0]
out |= {"priors_coco": coco[::61], "priors_voc": voc[::61], "priors_free": free}
out["priors_sum"] = torch.stack([coco.double().sum(0), voc.double().sum(0)])
anchors = AnchorGenerator(((32, 48), (64,), (128,)), ((0.5, 1.0, 2.0),) * 3)(
    ImageList(torch.zeros(1, 3, 130, 200), [(130, 200)]), [torch.zeros(1, 1, 16, 25), torch.zeros(1, 1, 8, 12), torch.zeros(1, 1, 4, 6)])[0]
out["anchors"] = anchors[::7].contiguous()
out["anchors_sum"] = anchors.double().sum(0)

# Matching of objects with the default boxes, and two equal objects.
objects = torch.cat([some(8, 200), torch.tensor([[30.0, 30, 90, 120], [30.0, 30, 90, 120]])])
out["objects"] = objects
quality = ops.box_iou(objects, coco)
out["match_ssd"] = _utils.SSDMatcher(0.5)(quality).to(torch.int32)
out["match_rpn"] = _utils.Matcher(0.7, 0.3, True)(quality).to(torch.int32)
out["match_head"] = _utils.Matcher(0.5, 0.5, False)(quality).to(torch.int32)
for name in ("match_ssd", "match_rpn", "match_head"):  # priors that are not background
    m = out.pop(name)
    index = torch.where(m != -1)[0]
    out[name] = torch.stack([index, m[index].long()])

out = {k: v.contiguous().float() if v.is_floating_point() else v.contiguous().long() for k, v in out.items()}
save_file(out, os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden.safetensors"), {
    "source": "torchvision " + __import__("torchvision").__version__ + ", detect/testdata/make_golden.py"})
