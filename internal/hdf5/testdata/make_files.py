"""Writes keras.h5 and newer.h5 beside it: files as Keras writes them, for the tests of package hdf5.

    python internal/hdf5/testdata/make_files.py

keras.h5 has a layer of each kind of values, an attribute, and 150 names of one dataset, so that the tree of the root group has two
levels. newer.h5 has the groups of HDF5's newer format. Needs h5py.
"""
import os

import h5py
import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
with h5py.File(os.path.join(here, "keras.h5"), "w", libver="earliest") as f:
    f.attrs["layer_names"] = [b"input_image", b"conv1", b"rpn_model"]
    f.attrs["keras_version"] = "2.0.8"
    f.create_group("input_image").attrs["weight_names"] = []
    f["conv1/conv1/kernel:0"] = np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 8
    f["conv1/conv1/bias:0"] = np.array([0.5, -2.0], dtype=np.float64)
    f["rpn_model/rpn_conv_shared/kernel:0"] = np.float32(3)
    f["odd/whole"] = np.arange(3)
    f["odd/chunks"] = f.create_dataset("odd/made", (8,), dtype=np.float32, chunks=(4,), compression="gzip")
    f["odd/empty"] = np.zeros((0, 4), np.float32)
    for i in range(150):
        f[f"layer{i:03}"] = f["conv1/conv1/bias:0"]
with h5py.File(os.path.join(here, "newer.h5"), "w", libver="latest") as f:
    f["conv1/conv1/bias:0"] = np.zeros(2, np.float32)
