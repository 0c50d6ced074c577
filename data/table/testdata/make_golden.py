"""Writes small arrays with numpy.save: each type, both byte orders, both memory orders, and format version 2.

Run with numpy 2: python make_golden.py
"""
import os
import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
rows = np.array([[1.5, -2, 3], [4, 5.25, 100], [0, 7, -8]])
arrays = {
    "f8": rows, "f4_fortran": np.asfortranarray(rows.astype("<f4")), "f8_big": rows.astype(">f8"), "i8": rows.astype("<i8"),
    "i4_big": rows.astype(">i4"), "i2": rows.astype("<i2"), "i1": rows.astype("i1"), "u8": abs(rows).astype("<u8"), "u4": abs(rows).astype("<u4"),
    "u2": abs(rows).astype("<u2"), "u1": abs(rows).astype("u1"), "bool": rows > 2, "line": rows[:, 0].copy(),
}
for name, a in arrays.items():
    np.save(os.path.join(here, name + ".npy"), a)
with open(os.path.join(here, "version2.npy"), "wb") as f:
    np.lib.format.write_array(f, rows, version=(2, 0))
np.save(os.path.join(here, "complex.npy"), rows.astype("c16"))
np.save(os.path.join(here, "records.npy"), np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]))
