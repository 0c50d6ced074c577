"""Trajectories of torch.optim.SGD.

    python train/testdata/make_sgd.py      writes sgd.safetensors beside it
"""
import os

import torch
from safetensors.torch import save_file

out = {}
g = torch.Generator().manual_seed(3)
for name, options in {
    "plain": {}, "momentum": {"momentum": 0.9, "weight_decay": 5e-2}, "nesterov": {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
    "decay": {"weight_decay": 0.3},
}.items():
    a, b = (torch.nn.Parameter(torch.randn(*shape, generator=g)) for shape in ((4, 5), (5,)))
    # The bias has twice the rate and no weight decay.
    sgd = torch.optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.1, "weight_decay": 0}], lr=0.05, **options)
    out |= {f"{name}.a0": a.detach().clone(), f"{name}.b0": b.detach().clone()}
    for step in range(1, 7):
        a.grad, b.grad = torch.randn(4, 5, generator=g), torch.randn(5, generator=g)
        out |= {f"{name}.ga{step}": a.grad.clone(), f"{name}.gb{step}": b.grad.clone()}
        torch.nn.utils.clip_grad_norm_([a, b], 4)
        sgd.step()
        out |= {f"{name}.a{step}": a.detach().clone(), f"{name}.b{step}": b.detach().clone()}
save_file(out, os.path.join(os.path.dirname(os.path.abspath(__file__)), "sgd.safetensors"), {"source": "torch " + torch.__version__})
