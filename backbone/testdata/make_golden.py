"""Outputs and gradients of backbones with random weights, computed by the Python code that published them.

    python backbone/testdata/make_golden.py      writes NAME.safetensors for each architecture

The test makes the weights and the pictures itself, by the same generator. Needs torch, torchvision, safetensors and
efficientnet-lite-pytorch.
"""
import os

import numpy as np
import torch
from safetensors.torch import save_file

MASK = 2**64 - 1


def numbers(name, n):
    """n numbers in [-1, 1): a counter that starts at the FNV-1a hash of a name, hashed by SplitMix64."""
    state = 14695981039346656037
    for byte in name.encode():
        state = (state ^ byte) * 1099511628211 & MASK
    with np.errstate(over="ignore"):
        z = np.uint64(state) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(40)).astype(np.float64) / 2**23 - 1).astype(np.float32)


def initialise(net):
    state = net.state_dict()
    for name, t in state.items():
        if t.dtype != torch.float32:
            continue
        v = torch.from_numpy(numbers(name, t.numel())).reshape(t.shape)
        if t.dim() > 1:
            v = v * float(np.float32(np.sqrt(6 / t[0].numel())))
        elif name.endswith("running_var") or name.endswith("weight"):
            v = 1 + 0.5 * v
        else:
            v = 0.1 * v
        state[name] = v
    net.load_state_dict(state)
    return net.eval()


def golden(name, net, features, size, mean, deviation):
    """features(net, x) returns those at strides 4, 8, 16 and 32, the pooled ones, and the logits. In float64, no rounding error
    puts a number on the other side of a ReLU's kink, where the gradient differs."""
    net = initialise(net).double()
    x = torch.from_numpy(numbers("pictures", 2 * size * size * 3)).reshape(2, size, size, 3).double().requires_grad_()
    mean, deviation = torch.tensor(mean).double(), torch.tensor(deviation).double()
    stages, pooled, logits = features(net, (((x + 1) / 2 - mean) / deviation).permute(0, 3, 1, 2))
    sum(s.square().mean() for s in stages).backward()
    out = {f"stride{4 * 2**i}": s.detach().permute(0, 2, 3, 1).contiguous() for i, s in enumerate(stages)}
    out |= {"pooled": pooled.detach().contiguous(), "logits": logits.detach().contiguous(), "gradient": x.grad.contiguous()}
    out = {key: v.float() for key, v in out.items()}
    save_file(out, os.path.join(os.path.dirname(__file__), name + ".safetensors"))


def efficientnet(net, x):
    x = net._swish(net._bn0(net._conv_stem(x)))
    stages = []
    for i, block in enumerate(net._blocks):
        x = block(x)
        if i in (2, 4, 10, 15):
            stages.append(x)
    pooled = net._avg_pooling(net._swish(net._bn1(net._conv_head(x)))).flatten(1)
    return stages, pooled, net._fc(pooled)


def main():
    from efficientnet_lite_pytorch import EfficientNet

    lite = [127 / 255] * 3, [128 / 255] * 3
    golden("efficientnet-lite0", EfficientNet.from_name("efficientnet-lite0"), efficientnet, 32, *lite)


main()
