"""Writes the files of this folder, with PyTorch 1.13: python3 make.py"""
import collections
import torch

base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
module = torch.nn.Linear(2, 1)
with torch.no_grad():
    module.weight.copy_(torch.tensor([[0.5, -2.0]]))
    module.bias.copy_(torch.tensor([3.0]))
root = {
    "plain": [None, True, False, 0, 255, 65535, -1, 2**31 - 1, -(2**31), 2**40, -(2**40), 0.5, float("inf"), "héllo", ""],
    "tuple": (1, (2, 3), (), ("a",), (1, 2, 3, 4)),
    "keys": {0: "zero", 1.5: "float", None: "none", True: "true"},
    "ordered": collections.OrderedDict([("b", 1), ("a", 2)]),
    "size": base.shape,
    "module": module.state_dict(),
    "parameter": module.weight,
    "base": base,
    "permuted": base.permute(2, 0, 1),
    "sliced": base[1:, ::2, 1:3],
    "expanded": base[0, 0, :2].unsqueeze(1).expand(2, 3),
    "scalar": torch.tensor(7.5),
    "empty": torch.zeros(0, 3),
    "float64": torch.tensor([1e-300, -1.0], dtype=torch.float64),
    "float16": torch.tensor([0.1, -65504.0, 6e-8], dtype=torch.float16),
    "bfloat16": torch.tensor([0.1, -3e38], dtype=torch.bfloat16),
    "int64": torch.tensor([-(2**62), 5]),
    "int32": torch.tensor([-7, 2**31 - 1], dtype=torch.int32),
    "int16": torch.tensor([-300, 300], dtype=torch.int16),
    "int8": torch.tensor([-128, 127], dtype=torch.int8),
    "uint8": torch.tensor([0, 255], dtype=torch.uint8),
    "bool": torch.tensor([True, False]),
}
torch.save(root, "values.pt")
torch.save(root, "values-protocol4.pt", pickle_protocol=4)
torch.save(root, "values-legacy.pt", _use_new_zipfile_serialization=False)

# Tensors without elements, of which PyTorch stores sizes and strides all the same.
torch.save({"a": torch.zeros(3, 0), "b": torch.zeros(0, 3), "c": torch.zeros(2, 3, 0), "d": torch.zeros(0),
            "e": torch.zeros(4, 5)[:, :0], "f": torch.zeros(4, 0, dtype=torch.int64)}, "empty.pt")
