"""Values of pycocotools for package mask: random masks and polygons, merges, IoU.

    python data/mask/testdata/make_golden.py      writes golden.json beside it

Needs numpy and pycocotools (2.0.11).
"""
import json
import os

import numpy as np
from pycocotools import mask

r = np.random.default_rng(3)


def described(m):
    """Size, string, counts, area and box of an encoded mask."""
    pixels = mask.decode(m)
    return {
        "width": m["size"][1], "height": m["size"][0], "string": m["counts"].decode(),
        "counts": counts(pixels), "area": int(mask.area(m)), "box": [int(v) for v in mask.toBbox(m)],
    }


def counts(pixels):
    """The counts of a mask, by hand: pycocotools shows only its strings."""
    flat = pixels.flatten(order="F")
    ends = np.flatnonzero(np.diff(flat)) + 1
    all = [int(n) for n in np.diff(np.concatenate([[0], ends, [len(flat)]]))]
    return all if flat[0] == 0 else [0] + all


def blob(h, w):
    """A random mask: noise, a few rectangles, all or nothing."""
    kind = r.integers(0, 4)
    m = np.zeros((h, w), dtype=np.uint8)
    if kind == 0:
        m[:] = r.random((h, w)) < r.random()
    elif kind < 3:
        for _ in range(r.integers(1, 6)):
            y, x = r.integers(0, h), r.integers(0, w)
            m[y:y + r.integers(1, h + 1), x:x + r.integers(1, w + 1)] ^= 1
    else:
        m[:] = r.random() < 0.5
    return m


def polygon(h, w):
    """Random corners, some of them on whole or half pixels, some repeated, some outside of the picture."""
    n = int(r.integers(3, 14))
    p = r.uniform(-0.3, 1.3, (n, 2)) * [w, h] if r.random() < 0.3 else r.random((n, 2)) * [w, h]
    if r.random() < 0.6:  # around the centre, so that it doesn't cross itself
        angle = np.sort(r.random(n)) * 2 * np.pi
        p = np.c_[np.cos(angle), np.sin(angle)] * r.uniform(0.1, 0.6, (n, 1)) * [w, h] + np.array([w, h]) / 2
    kind = r.integers(0, 4)
    if kind == 0:
        p = np.round(p)
    elif kind == 1:
        p = np.round(p * 2) / 2
    else:
        p = np.round(p, 2)
    if r.random() < 0.2:
        p = np.insert(p, r.integers(0, n), p[r.integers(0, n)], axis=0)
    if r.random() < 0.2:
        p = np.vstack([p, p[-1:], p[:1]])
    return [float(v) for v in p.flatten()]


out = {"pixels": [], "polygons": [], "merges": [], "overlaps": []}
for _ in range(60):
    h, w = (int(v) for v in r.integers(1, 24, 2))
    m = blob(h, w)
    out["pixels"].append({"pixels": "".join(str(v) for v in m.flatten())} | described(mask.encode(np.asfortranarray(m))))
big = np.zeros((700, 900), dtype=np.uint8)  # counts of several characters
big[3:650, 40:41] = 1
big[5:690, 300:899] = 1
big[::7, 500:504] = 0
out["large"] = described(mask.encode(np.asfortranarray(big)))
for _ in range(300):
    h, w = (int(v) for v in r.integers(1, 90, 2))
    p = polygon(h, w)
    out["polygons"].append({"polygon": p} | described(mask.frPyObjects([p], h, w)[0]))
for _ in range(30):
    h, w = (int(v) for v in r.integers(1, 24, 2))
    all = [mask.encode(np.asfortranarray(blob(h, w))) for _ in range(r.integers(1, 5))]
    out["merges"].append({
        "masks": [described(m) for m in all], "union": described(mask.merge(all)), "intersection": described(mask.merge(all, True))})
for _ in range(20):
    h, w = (int(v) for v in r.integers(1, 24, 2))
    found = [mask.encode(np.asfortranarray(blob(h, w))) for _ in range(4)]
    truth = [mask.encode(np.asfortranarray(blob(h, w))) for _ in range(3)]
    crowd = [int(v) for v in r.random(3) < 0.4]
    out["overlaps"].append({
        "found": [described(m) for m in found], "truth": [described(m) for m in truth], "crowd": crowd,
        "iou": mask.iou(found, truth, crowd).tolist()})
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden.json"), "w") as f:
    json.dump(out, f, separators=(",", ":"))
    f.write("\n")
