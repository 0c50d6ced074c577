"""Values of pycocotools and of Pascal VOC's measure for random detections.

    python eval/detection/testdata/make_golden.py      writes golden.safetensors beside it

Needs numpy, pycocotools, torch and safetensors. VOC's measure is voc_eval of py-faster-rcnn (Girshick), for one class at a time,
with boxes that end at their edge.
"""
import os

import numpy as np
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from safetensors.torch import save_file

r = np.random.default_rng(7)
PICTURES, CLASSES = 40, 4
truth, found = [], []
for picture in range(PICTURES):
    for _ in range(r.integers(0, 9)):
        w, h = np.exp(r.uniform(np.log(6), np.log(250), 2))
        x, y = r.uniform(0, 400, 2)
        crowd, difficult = r.random() < 0.1, r.random() < 0.15
        c = int(r.integers(0, CLASSES - 1))  # nothing of the last class
        truth.append([picture, c, x, y, w, h, crowd, w * h * r.uniform(0.5, 1), difficult])
        for _ in range(r.integers(0, 4)):
            noise = r.normal(0, r.uniform(0.01, 0.3), 4) * [w, h, w, h]
            d = np.array([x, y, w, h]) + noise
            found.append([picture, c if r.random() < 0.9 else (c + 1) % CLASSES, d[0], d[1], max(d[2], 2), max(d[3], 2), round(r.random(), 2)])
    for _ in range(r.integers(0, 6) if picture != 3 else 250):  # more than 100 in one picture
        w, h = np.exp(r.uniform(np.log(6), np.log(250), 2))
        found.append([picture, int(r.integers(0, CLASSES)) if picture != 3 else 1, *r.uniform(0, 400, 2), w, h, round(r.random(), 2)])
truth, found = np.array(truth, dtype=np.float64), np.array(found, dtype=np.float64)

coco = COCO()
coco.dataset = {
    "images": [{"id": i + 1} for i in range(PICTURES)],
    "categories": [{"id": c + 1, "name": str(c)} for c in range(CLASSES)],
    "annotations": [
        {"id": i + 1, "image_id": int(t[0]) + 1, "category_id": int(t[1]) + 1, "bbox": list(t[2:6]), "iscrowd": int(t[6]), "area": t[7]}
        for i, t in enumerate(truth)],
}
coco.createIndex()
results = coco.loadRes([
    {"image_id": int(d[0]) + 1, "category_id": int(d[1]) + 1, "bbox": list(d[2:6]), "score": d[6]} for d in found])
e = COCOeval(coco, results, "bbox")
e.evaluate()
e.accumulate()
e.summarize()
precision = e.eval["precision"][:, :, :, 0, 2]  # [IoU, recall, class]
of_class = np.array([[p[p > -1].mean() if (p > -1).any() else np.nan for p in (precision[:, :, c], precision[0, :, c], precision[5, :, c])]
                     for c in range(CLASSES)])


def voc(c, eleven):
    recs, npos = {}, 0
    for i in range(PICTURES):
        own = truth[(truth[:, 0] == i) & (truth[:, 1] == c)]
        difficult = own[:, 8] > 0
        recs[i] = {"bbox": np.c_[own[:, 2:4], own[:, 2:4] + own[:, 4:6]], "difficult": difficult, "det": [False] * len(own)}
        npos += int(sum(~difficult))
    dets = found[found[:, 1] == c]
    dets = dets[np.argsort(-dets[:, 6], kind="stable")]
    tp, fp = np.zeros(len(dets)), np.zeros(len(dets))
    for d, row in enumerate(dets):
        R, bb = recs[int(row[0])], np.r_[row[2:4], row[2:4] + row[4:6]]
        ovmax, BBGT = -np.inf, R["bbox"]
        if BBGT.size > 0:
            iw = np.maximum(np.minimum(BBGT[:, 2], bb[2]) - np.maximum(BBGT[:, 0], bb[0]), 0)
            ih = np.maximum(np.minimum(BBGT[:, 3], bb[3]) - np.maximum(BBGT[:, 1], bb[1]), 0)
            inters = iw * ih
            uni = (bb[2] - bb[0]) * (bb[3] - bb[1]) + (BBGT[:, 2] - BBGT[:, 0]) * (BBGT[:, 3] - BBGT[:, 1]) - inters
            overlaps = inters / uni
            ovmax, jmax = np.max(overlaps), np.argmax(overlaps)
        if ovmax > 0.5:
            if not R["difficult"][jmax]:
                if not R["det"][jmax]:
                    tp[d], R["det"][jmax] = 1, True
                else:
                    fp[d] = 1
        else:
            fp[d] = 1
    fp, tp = np.cumsum(fp), np.cumsum(tp)
    rec, prec = tp / max(npos, 1), tp / np.maximum(tp + fp, np.finfo(np.float64).eps)
    if npos == 0:
        return np.nan
    if eleven:
        return sum((np.max(prec[rec >= t]) if np.sum(rec >= t) else 0) / 11 for t in np.arange(0.0, 1.1, 0.1))
    mrec, mpre = np.r_[0, rec, 1], np.r_[0, prec, 0]
    for i in range(len(mpre) - 1, 0, -1):
        mpre[i - 1] = np.maximum(mpre[i - 1], mpre[i])
    i = np.where(mrec[1:] != mrec[:-1])[0]
    return np.sum((mrec[i + 1] - mrec[i]) * mpre[i + 1])


out = {
    "truth": truth, "found": found, "stats": e.stats, "classes": of_class, "recall_curve": precision[0],
    "voc": np.array([[voc(c, False), voc(c, True)] for c in range(CLASSES)]),
}
save_file({k: torch.from_numpy(np.ascontiguousarray(v, dtype=np.float64)) for k, v in out.items()},
          os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden.safetensors"),
          {"source": "pycocotools 2.0 and voc_eval, eval/detection/testdata/make_golden.py"})
