"""Writes measures.json: values of the measures by pytorch-fid, prdc and numpy for features that the test makes itself.

    python eval/testdata/make_golden.py

The features are rows of a small linear congruential generator, so that the file needs no inputs.
"""
import json
import os
import sys
import types

import numpy as np
from pytorch_fid.fid_score import calculate_frechet_distance
from scipy.spatial.distance import cdist

metrics = types.ModuleType("sklearn.metrics")  # prdc takes nothing but pairwise distances from scikit-learn
metrics.pairwise_distances = lambda x, y, metric="euclidean", n_jobs=None: cdist(x, y, metric)
sys.modules["sklearn"], sys.modules["sklearn.metrics"] = types.ModuleType("sklearn"), metrics
sys.modules["sklearn"].metrics = metrics
from prdc import compute_prdc  # noqa: E402


def features(seed, n, dim, shift, scale):
    """[n, dim] of sums of four uniform numbers; every coordinate also depends on the one before it."""
    state, out = seed, np.empty(n * dim, np.float32)
    for i in range(n * dim):
        total = 0
        for _ in range(4):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            total += state >> 40
        out[i] = np.float32(total / 2**24 - 2)
    out = out.reshape(n, dim)
    for c in range(1, dim):
        out[:, c] = np.float32(0.5) * out[:, c - 1] + out[:, c]
    return out * np.float32(scale) + np.float32(shift)


def frechet_by_eigenvalues(a, b):
    """For singular covariances, where the matrix square root is not well conditioned."""
    s1, s2 = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    x1 = (a - a.mean(0)) / np.sqrt(len(a) - 1)
    x2 = (b - b.mean(0)) / np.sqrt(len(b) - 1)
    root = np.linalg.svd(x1 @ x2.T, compute_uv=False).sum()
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * root


cases = []
for seed, n, m, dim, shift, scale in [
    (1, 120, 90, 8, 0.0, 1.0), (2, 200, 150, 16, 0.3, 1.2), (3, 40, 30, 4, 1.0, 0.5), (4, 60, 60, 48, 0.1, 1.0), (5, 20, 25, 64, 0.2, 0.9),
]:
    real, fake = features(seed, n, dim, 0, 1), features(seed + 100, m, dim, shift, scale)
    a, b = real.astype(np.float64), fake.astype(np.float64)
    if min(n, m) > dim:
        frechet = calculate_frechet_distance(a.mean(0), np.cov(a, rowvar=False), b.mean(0), np.cov(b, rowvar=False))
    else:
        frechet = frechet_by_eigenvalues(a, b)
    three, five = compute_prdc(a, b, 3), compute_prdc(a, b, 5)
    distances = np.sqrt(((b[:, None] - a[None]) ** 2).sum(-1))
    cases.append({
        "seed": seed, "n": n, "m": m, "dim": dim, "shift": shift, "scale": scale,
        "frechet": float(frechet), "precision": float(three["precision"]), "recall": float(three["recall"]),
        "density": float(five["density"]), "coverage": float(five["coverage"]),
        "nearest": float(distances.min(1).mean()), "threshold": float(np.percentile(distances.min(1), 1)),
    })
with open(os.path.join(os.path.dirname(__file__), "measures.json"), "w") as f:
    json.dump(cases, f, indent=1)
