"""Reference values of the transformer of package rectified, written in plain PyTorch from the equations of DiT
(Peebles & Xie, 2023). Needs torch and safetensors:

    python make_golden.py

writes golden.safetensors: random weights ("weight." and the parameter's path), inputs, the velocity, and the gradients of
its mean square ("grad." and the path) for a few parameters.
"""

import json
import math

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

C = dict(height=4, width=6, channels=3, patch=2, text_tokens=11, text_len=5, dim=16, depth=2, heads=2, ff_mult=3,
         null_prob=0.1, time_mean=0.0, time_std=1.0)
torch.manual_seed(1)
torch.set_default_dtype(torch.float64)


class Attention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x, keep):
        n, length, dim = x.shape
        q, k, v = self.qkv(x).reshape(n, length, 3, C["heads"], dim // C["heads"]).permute(2, 0, 3, 1, 4)
        mask = keep[:, None, None, :].expand(n, 1, length, length)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.out(y.transpose(1, 2).reshape(n, length, dim))


class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.modulation, self.attention = nn.Linear(dim, 6 * dim), Attention(dim)
        self.ff = nn.Sequential(nn.Linear(dim, C["ff_mult"] * dim), nn.GELU(), nn.Linear(C["ff_mult"] * dim, dim))

    def forward(self, x, c, keep):
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation(F.silu(c))[:, None].chunk(6, dim=-1)
        x = x + gate1 * self.attention(norm(x) * (1 + scale1) + shift1, keep)
        return x + gate2 * self.ff(norm(x) * (1 + scale2) + shift2)


def norm(x):
    return F.layer_norm(x, x.shape[-1:], eps=1e-6)


class Last(nn.Module):
    def __init__(self, dim, out):
        super().__init__()
        self.modulation, self.out = nn.Linear(dim, 2 * dim), nn.Linear(dim, out)

    def forward(self, x, c):
        shift, scale = self.modulation(F.silu(c))[:, None].chunk(2, dim=-1)
        return self.out(norm(x) * (1 + scale) + shift)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        dim, p = C["dim"], C["patch"]
        self.text_embedding, self.text_position = nn.Embedding(C["text_tokens"] + 1, dim), nn.Embedding(C["text_len"], dim)
        self.row_position, self.column_position = nn.Embedding(C["height"] // p, dim), nn.Embedding(C["width"] // p, dim)
        setattr(self, "in", nn.Linear(p * p * C["channels"], dim))
        self.time = nn.Sequential(nn.Linear(256, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.pooled = nn.Linear(dim, dim)
        self.blocks = nn.ModuleList(Block(dim) for _ in range(C["depth"]))
        self.last = Last(dim, p * p * C["channels"])

    def forward(self, x, t, captions):
        p, n = C["patch"], len(captions)
        captions = [c or [C["text_tokens"]] for c in captions]
        length = max(map(len, captions))
        ids = torch.tensor([c + [0] * (length - len(c)) for c in captions])
        there = torch.tensor([[i < len(c) for i in range(length)] for c in captions])
        text = self.text_embedding(ids)
        angles = 1000 * t[:, None] * torch.exp(-math.log(10000) * torch.arange(128) / 128)
        c = self.time(torch.cat([angles.cos(), angles.sin()], dim=1))
        c = c + self.pooled((text * there[..., None]).sum(1) / there.sum(1, keepdim=True))
        # [n, C, H, W] to patches whose numbers are in the order row, column, channel
        h, w = C["height"] // p, C["width"] // p
        cells = x.reshape(n, -1, h, p, w, p).permute(0, 2, 4, 3, 5, 1).reshape(n, h * w, -1)
        place = torch.arange(h * w)
        tokens = getattr(self, "in")(cells) + self.row_position(place // w) + self.column_position(place % w)
        y = torch.cat([text + self.text_position(torch.arange(length)), tokens], dim=1)
        keep = torch.cat([there, torch.ones(n, h * w, dtype=torch.bool)], dim=1)
        for block in self.blocks:
            y = block(y, c, keep)
        y = self.last(y[:, length:], c)
        return y.reshape(n, h, w, p, p, -1).permute(0, 5, 1, 3, 2, 4).reshape(x.shape)


model = Model()
captions = [[3, 1, 4, 1, 5], [9, 2], []]
x, t = torch.randn(3, C["channels"], C["height"], C["width"]), torch.tensor([0.1, 0.5, 0.93])
v = model(x, t, captions)
v.square().mean().backward()
values = {"weight." + name: p.detach() for name, p in model.named_parameters()}
for name in ["text_embedding.weight", "row_position.weight", "time.0.weight", "blocks.0.modulation.weight",
             "blocks.1.attention.qkv.weight", "blocks.0.ff.0.bias", "last.out.weight"]:
    values["grad." + name] = dict(model.named_parameters())[name].grad
values |= {"x": x, "times": t, "velocity": v.detach()}
save_file({name: value.float().contiguous() for name, value in values.items()}, "golden.safetensors",
          {"config": json.dumps(C), "captions": json.dumps(captions)})
