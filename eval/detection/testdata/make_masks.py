"""Values of pycocotools for random masks, with iouType segm.

    python eval/detection/testdata/make_masks.py      writes masks.json beside it

Needs numpy and pycocotools (2.0.11). Objects are polygons or, some of them crowds, runs; detections are runs.
"""
import json
import os

import numpy as np
from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

r = np.random.default_rng(11)
PICTURES, CLASSES = 14, 3


def outline(x, y, a, b, noise):
    """A polygon around an ellipse."""
    n = int(r.integers(5, 12))
    angle = np.sort(r.random(n)) * 2 * np.pi
    radius = 1 + r.normal(0, noise, (n, 1))
    return np.round(np.c_[np.cos(angle), np.sin(angle)] * radius * [a, b] + [x, y], 2)


def runs(polygon, h, w):
    m = mask.frPyObjects([[float(v) for v in polygon.flatten()]], h, w)[0]
    return {"size": m["size"], "counts": m["counts"].decode()}


images, annotations, found = [], [], []
for picture in range(1, PICTURES + 1):
    w, h = (int(v) for v in r.integers(220, 330, 2))
    images.append({"id": picture, "width": w, "height": h})
    for _ in range(r.integers(0, 7)):
        a, b = np.exp(r.uniform(np.log(6), np.log(180), 2))
        x, y = r.uniform(0, w), r.uniform(0, h)
        p = outline(x, y, a, b, 0.1)
        c = int(r.integers(1, CLASSES))  # nothing of the last class
        crowd = bool(r.random() < 0.15)
        pixels = runs(p, h, w)
        whole = float(mask.area(pixels))
        if whole == 0:
            continue
        kept = pixels if crowd or r.random() < 0.3 else [[float(v) for v in p.flatten()]]
        if isinstance(kept, list) and r.random() < 0.3:  # two polygons
            kept.append([float(v) for v in outline(w - x, h - y, 12, 9, 0).flatten()])
        annotations.append({
            "id": len(annotations) + 1, "image_id": picture, "category_id": c, "iscrowd": int(crowd), "segmentation": kept,
            "area": round(whole * r.uniform(0.9, 1.1), 1), "bbox": [float(v) for v in mask.toBbox(pixels)]})
        for _ in range(r.integers(0, 4)):
            d = p + r.normal(0, r.uniform(0.01, 0.2), p.shape) * [a, b] + r.normal(0, 0.05, 2) * [a, b]
            found.append({
                "image_id": picture, "category_id": c if r.random() < 0.9 else c % CLASSES + 1, "segmentation": runs(d, h, w),
                "score": round(float(r.random()), 2)})
    for _ in range(r.integers(0, 5) if picture != 4 else 120):  # more than 100 in one picture
        a, b = np.exp(r.uniform(np.log(3), np.log(60 if picture != 4 else 10), 2))
        d = outline(r.uniform(0, w), r.uniform(0, h), a, b, 0.2)
        found.append({
            "image_id": picture, "category_id": int(r.integers(1, CLASSES + 1)) if picture != 4 else 1, "segmentation": runs(d, h, w),
            "score": round(float(r.random()), 2)})
categories = [{"id": c + 1, "name": str(c)} for c in range(CLASSES)]

coco = COCO()
coco.dataset = json.loads(json.dumps({"images": images, "categories": categories, "annotations": annotations}))
coco.createIndex()
e = COCOeval(coco, coco.loadRes(json.loads(json.dumps(found))), "segm")
e.evaluate()
e.accumulate()
e.summarize()
precision = e.eval["precision"][:, :, :, 0, 2]  # [IoU, recall, class]
of_class = [[float(p[p > -1].mean()) if (p > -1).any() else -1 for p in (precision[:, :, c], precision[0, :, c], precision[5, :, c])]
            for c in range(CLASSES)]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "masks.json"), "w") as f:
    json.dump({"images": images, "annotations": annotations, "found": found, "stats": [float(v) for v in e.stats], "classes": of_class},
              f, separators=(",", ":"))
    f.write("\n")
