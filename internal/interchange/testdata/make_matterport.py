"""Detections of matterport's Mask_RCNN (ResNet-50) with computed weights, small heads and small pictures.

    python internal/interchange/testdata/make_matterport.py            writes matterport.safetensors beside it
    python internal/interchange/testdata/make_matterport.py FILE.h5    writes the weights as Keras does

The program needs a TensorFlow that is no longer to be had, so this is written anew in PyTorch from its equations: batch normalization after
each convolution, a softmax of two, deviations of box codes, normalized coordinates, crop_and_resize. The test makes weights and pictures
itself, by the same generator. Everything is computed in float64. Needs torch and safetensors, and h5py for the file.
"""
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "../../golden"))
from computed import numbers  # noqa: E402

SIDE, WIDTH, SHARED, HEAD, MASK, CLASSES = 128, 16, 24, 32, 16, 4  # the background is a class
SIZES = [(96, 128), (128, 100)]  # height, width
BEFORE, AFTER, MIN_SCORE, FOUND = 300, 60, 0.4, 20
GAINS = {"rpn_class_raw": 0.5, "rpn_bbox_pred": 0.5, "mrcnn_class_logits": 1.5, "mrcnn_bbox_fc": 0.5, "mrcnn_mask": 0.5}

made = {}  # names of layers to names of weights to values


def weight(layer, name, *shape):
    v = numbers(f"{layer}/{name}", int(np.prod(shape))).reshape(shape)
    if name == "kernel":
        fan = shape[-1] if layer == "mrcnn_mask_deconv" else int(np.prod(shape[:-1]))
        v = v * np.float32(np.sqrt(3 / fan) * GAINS.get(layer, 1))
    elif name in ("gamma", "moving_variance"):
        v = np.float32(1) + np.float32(0.1) * v
        if layer == "bn_conv1" and name == "moving_variance":
            v = v * np.float32(4000)  # of colours from 0 to 255
    else:
        v = np.float32(0.1) * v
    made.setdefault(layer, {})[name] = v
    return torch.from_numpy(v).double()


def conv(x, layer, out, side, stride=1, pad=None):
    kernel = weight(layer, "kernel", side, side, x.shape[1], out).permute(3, 2, 0, 1)
    return F.conv2d(x, kernel, weight(layer, "bias", out), stride, side // 2 if pad is None else pad)


def normalize(x, layer):
    n = x.shape[1]
    gamma, beta, mean, variance = (weight(layer, name, n) for name in ("gamma", "beta", "moving_mean", "moving_variance"))
    return F.batch_norm(x, mean, variance, gamma, beta, eps=1e-3)


def backbone(x):
    x = F.relu(normalize(conv(x, "conv1", 64, 7, 2), "bn_conv1"))
    x = F.max_pool2d(F.pad(x, (0, 1, 0, 1)), 3, 2)
    features = []
    for stage, blocks in zip((2, 3, 4, 5), (3, 4, 6, 3)):
        width = 32 * 2 ** (stage - 1)
        for i in range(blocks):
            block, stride = f"{stage}{'abcdef'[i]}_branch", 2 if i == 0 and stage > 2 else 1
            y = F.relu(normalize(conv(x, f"res{block}2a", width, 1, stride), f"bn{block}2a"))
            y = F.relu(normalize(conv(y, f"res{block}2b", width, 3), f"bn{block}2b"))
            y = normalize(conv(y, f"res{block}2c", 4 * width, 1), f"bn{block}2c")
            if i == 0:
                x = normalize(conv(x, f"res{block}1", 4 * width, 1, stride), f"bn{block}1")
            x = F.relu(x + y)
        features.append(x)
    return features


def pyramid(features):
    above, maps = None, []
    for level in (5, 4, 3, 2):
        own = conv(features[level - 2], f"fpn_c{level}p{level}", WIDTH, 1)
        above = own if above is None else own + F.interpolate(above, scale_factor=2, mode="nearest")
        maps.insert(0, conv(above, f"fpn_p{level}", WIDTH, 3))
    return maps + [maps[-1][:, :, ::2, ::2]]


def anchors(maps):
    """[n, (y1, x1, y2, x2)] in normalized coordinates."""
    all = []
    for size, m in zip((32, 64, 128, 256, 512), maps):
        stride = SIDE // m.shape[2]
        for i in range(m.shape[2]):
            for j in range(m.shape[3]):
                for ratio in (0.5, 1, 2):
                    h, w = size / np.sqrt(ratio), size * np.sqrt(ratio)
                    all.append([i * stride - h / 2, j * stride - w / 2, i * stride + h / 2, j * stride + w / 2])
    return (np.array(all) - [0, 0, 1, 1]) / (SIDE - 1)


def decode(boxes, codes):
    h, w = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    y, x = boxes[:, 0] + h / 2 + codes[:, 0] * h, boxes[:, 1] + w / 2 + codes[:, 1] * w
    h, w = h * np.exp(codes[:, 2]), w * np.exp(codes[:, 3])
    return np.stack([y - h / 2, x - w / 2, y + h / 2, x + w / 2], 1)


def clip(boxes, window):
    y1, x1, y2, x2 = window
    return np.stack([np.clip(boxes[:, k], low, high) for k, (low, high) in enumerate([(y1, y2), (x1, x2)] * 2)], 1)


def suppress(boxes, scores, threshold, most):
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        for k in kept:
            inter = np.prod(np.maximum(np.minimum(boxes[i, 2:], boxes[k, 2:]) - np.maximum(boxes[i, :2], boxes[k, :2]), 0))
            union = sum(np.prod(boxes[n, 2:] - boxes[n, :2]) for n in (i, k)) - inter
            if union > 0 and inter / union > threshold:
                break
        else:
            kept.append(i)
    return np.array(kept[:most], int)


def proposals(maps):
    scores, codes = [], []
    for m in maps:
        shared = F.relu(conv(m, "rpn_conv_shared", SHARED, 3))
        n = m.shape[0]
        scores.append(conv(shared, "rpn_class_raw", 6, 1).permute(0, 2, 3, 1).reshape(n, -1, 2).softmax(2)[:, :, 1])
        codes.append(conv(shared, "rpn_bbox_pred", 12, 1).permute(0, 2, 3, 1).reshape(n, -1, 4))
    scores, codes = torch.cat(scores, 1).numpy(), torch.cat(codes, 1).numpy() * [0.1, 0.1, 0.2, 0.2]
    where, all = anchors(maps), []
    for i in range(len(scores)):
        best = np.argsort(-scores[i], kind="stable")[:BEFORE]
        boxes = clip(decode(where[best], codes[i, best]), (0, 0, 1, 1))
        there = (boxes[:, 2:] - boxes[:, :2]).min(1) > 1e-9
        boxes, of = boxes[there], scores[i, best][there]  # empty ones come to nothing
        all.append(boxes[suppress(boxes, of, 0.7, AFTER)])
    return all


def crop(m, box, n):
    """crop_and_resize of a map [C, H, W]: n by n points from corner to corner, bilinear."""
    h, w = m.shape[1:]
    def points(low, high, places):
        at = np.minimum(low * (places - 1) + np.arange(n) * (high - low) * (places - 1) / (n - 1), places - 1)
        first = np.minimum(at.astype(int), places - 2)
        return torch.from_numpy(first), torch.from_numpy(at - first)
    i, down = points(box[0], box[2], h)
    j, right = points(box[1], box[3], w)
    upper = m[:, i][:, :, j] * (1 - right) + m[:, i][:, :, j + 1] * right
    lower = m[:, i + 1][:, :, j] * (1 - right) + m[:, i + 1][:, :, j + 1] * right
    return upper * (1 - down)[:, None] + lower * down[:, None]


def regions(maps, boxes, n):
    all = []
    for i, own in enumerate(boxes):
        for b in own:
            area = np.sqrt((b[2] - b[0]) * (b[3] - b[1]))
            level = int(np.clip(4 + np.round(np.log2(area / (224 / SIDE))), 2, 5))
            all.append(crop(maps[level - 2][i], b, n))
    return torch.stack(all)


def dense(x, layer, out):
    return x @ weight(layer, "kernel", x.shape[1], out) + weight(layer, "bias", out)


def detect(maps, boxes, windows):
    x = regions(maps, boxes, 7)
    x = F.relu(normalize(conv(x, "mrcnn_class_conv1", HEAD, 7, pad=0), "mrcnn_class_bn1"))
    x = F.relu(normalize(conv(x, "mrcnn_class_conv2", HEAD, 1), "mrcnn_class_bn2"))[:, :, 0, 0]
    probabilities = dense(x, "mrcnn_class_logits", CLASSES).softmax(1).numpy()
    codes = dense(x, "mrcnn_bbox_fc", 4 * CLASSES).reshape(-1, CLASSES, 4).numpy() * [0.1, 0.1, 0.2, 0.2]
    found, first = [], 0
    for own, window in zip(boxes, windows):
        rows = np.arange(first, first + len(own))
        classes = probabilities[rows].argmax(1)
        scores = probabilities[rows, classes]
        refined = clip(decode(own, codes[rows, classes]), window)
        kept = []
        inside = (refined[:, 2:] - refined[:, :2]).min(1) > 1e-9  # the program keeps those in the padding, as a line of pixels; we don't
        for c in range(1, CLASSES):
            these = np.flatnonzero((classes == c) & (scores >= MIN_SCORE) & inside)
            kept += list(these[suppress(refined[these], scores[these], 0.3, FOUND)])
        kept = np.array(sorted(kept, key=lambda k: -scores[k])[:FOUND], int)
        found.append((refined[kept], scores[kept], classes[kept]))
        first += len(own)
    return found


def masks(maps, found):
    x = regions(maps, [f[0] for f in found], 14)
    for i in range(1, 5):
        x = F.relu(normalize(conv(x, f"mrcnn_mask_conv{i}", MASK, 3), f"mrcnn_mask_bn{i}"))
    kernel = weight("mrcnn_mask_deconv", "kernel", 2, 2, MASK, MASK).permute(3, 2, 0, 1)
    x = F.relu(F.conv_transpose2d(x, kernel, weight("mrcnn_mask_deconv", "bias", MASK), 2))
    x = conv(x, "mrcnn_mask", CLASSES, 1).sigmoid()
    return x[torch.arange(len(x)), torch.from_numpy(np.concatenate([f[2] for f in found]))].numpy()


x, windows, corners = torch.zeros(len(SIZES), 3, SIDE, SIDE).double(), [], []
for i, (h, w) in enumerate(SIZES):
    y0, x0 = (SIDE - h) // 2, (SIDE - w) // 2
    colours = np.floor((numbers(f"picture {i}", h * w * 3).reshape(h, w, 3).astype(float) + 1) * 127.5)
    x[i, :, y0 : y0 + h, x0 : x0 + w] = torch.from_numpy(colours).permute(2, 0, 1)
    windows.append((np.array([y0, x0, y0 + h, x0 + w]) - [0, 0, 1, 1]) / (SIDE - 1))
    corners.append([y0, x0])
x -= torch.tensor([123.7, 116.8, 103.9]).double()[:, None, None]

with torch.no_grad():
    maps = pyramid(backbone(x))
    boxes = proposals(maps)
    found = detect(maps, boxes, windows)
    drawn = masks(maps, found)

if len(sys.argv) > 1:
    import h5py

    with h5py.File(sys.argv[1], "w") as f:
        nested = [n for n in made if n.startswith("rpn_")]
        layers = ["input_image"] + [n for n in made if n not in nested] + ["rpn_model"]
        f.attrs["layer_names"], f.attrs["backend"] = [n.encode() for n in layers], b"tensorflow"
        for layer in layers:
            group, own = f.create_group(layer), nested if layer == "rpn_model" else [layer] if layer in made else []
            group.attrs["weight_names"] = [f"{n}/{name}:0".encode() for n in own for name in made[n]]
            for n in own:
                for name, v in made[n].items():
                    group.create_dataset(f"{n}/{name}:0", data=v)
    sys.exit()

out, first = {}, 0
for i, (b, scores, classes) in enumerate(found):
    b = b * (SIDE - 1) + [0, 0, 1, 1] - np.array(corners[i] * 2)
    out[f"boxes.{i}"], out[f"scores.{i}"], out[f"labels.{i}"] = b[:, [1, 0, 3, 2]], scores, classes
    out[f"masks.{i}"] = drawn[first : first + len(b), ::5, ::5]
    first += len(b)
    print(f"picture {i}: {len(boxes[i])} proposals, classes {classes}, scores {scores.round(3)}")
    print(b.round(1))
save_file({k: np.ascontiguousarray(v, np.float32) for k, v in out.items()}, os.path.join(here, "matterport.safetensors"))
