"""Runs ONNX files in ONNX Runtime and compares them with outputs that Bestiary has computed.

check.py CASES.json: a list of {"model": file, "inputs": {name: array}, "outputs": {name: array}}, where an array is
{"shape": [...], "floats": [...]} or {"shape": [...], "ints": [...]}. Prints a line for each case with the largest difference, as a share of
the output's largest number, and fails if one is above the tolerance.
"""
import json
import sys

import numpy as np
import onnx
import onnxruntime

TOLERANCE = 1e-4


def array(a):
    if 0 in a["shape"]:
        return np.zeros(a["shape"], np.float32 if a.get("ints") is None else np.int64)
    if a.get("ints") is not None:
        return np.array(a["ints"], dtype=np.int64).reshape(a["shape"])
    return np.array(a["floats"], dtype=np.float32).reshape(a["shape"])


failed = False
opened = None
for case in json.load(open(sys.argv[1])):
    if opened != case["model"]:  # the next cases may be of the same file
        opened = case["model"]
        model = onnx.load(opened)
        onnx.checker.check_model(model, full_check=True)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(opened, options, providers=["CPUExecutionProvider"])
    names = list(case["outputs"])
    results = session.run(names, {name: array(a) for name, a in case["inputs"].items()})
    worst = 0.0
    for name, result in zip(names, results):
        want = array(case["outputs"][name])
        if result.shape != want.shape or result.dtype != want.dtype:
            print(f"{case['model']}: {name} is {result.dtype}{result.shape} instead of {want.dtype}{want.shape}")
            failed = True
            continue
        if want.size == 0:
            error = 0.0
        elif want.dtype == np.int64:
            error = float(np.sum(result != want))
        else:
            error = float(np.max(np.abs(result - want)) / np.max(np.abs(want)))
        if not error <= TOLERANCE:
            print(f"{case['model']}: {name} differs by {error:.3g}")
            failed = True
        worst = max(worst, error)
    print(f"{case['name']}: {len(model.graph.node)} nodes, largest difference {worst:.2g}")
sys.exit(failed)
