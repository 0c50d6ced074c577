"""Saves ours.safetensors, which TestResaved writes if BESTIARY_WRITE=1, as other programs do: with its metadata carried along.

pip install safetensors numpy; run here.
"""
from safetensors import safe_open
from safetensors.numpy import save_file

with safe_open("ours.safetensors", "numpy") as f:
    metadata = f.metadata()
    tensors = {k: f.get_tensor(k) for k in f.keys()}
save_file(tensors, "resaved.safetensors", metadata)
tensors["w"] = tensors["w"] * 2
save_file(tensors, "resaved_changed.safetensors", metadata)
save_file({k: v.astype("float16") for k, v in tensors.items() if k == "w"}, "resaved_half.safetensors", metadata)
