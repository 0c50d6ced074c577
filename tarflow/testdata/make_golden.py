"""Reference values of package tarflow: a plain PyTorch transcription of the formulas of its documentation.

    python make_golden.py      # needs torch and safetensors; writes tarflow_*.safetensors beside this file
"""

import json
import math
import os

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn


class Attention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.scale = nn.Parameter(torch.randn(dim) * 0.5)
        self.norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Linear(dim, dim)

    def forward(self, x, heads):
        n, t, dim = x.shape
        q, k, v = self.qkv(self.norm(x)).view(n, t, 3, heads, dim // heads).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2) / math.sqrt(dim // heads)
        scores = scores.masked_fill(torch.ones(t, t, dtype=torch.bool).triu(1), -torch.inf)
        y = (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, dim)
        return x + self.scale * self.out(y)


class FeedForward(nn.Module):
    def __init__(self, dim, mult):
        super().__init__()
        self.scale = nn.Parameter(torch.randn(dim) * 0.5)
        self.norm = nn.LayerNorm(dim)
        setattr(self, "in", nn.Linear(dim, 2 * mult * dim))
        self.out = nn.Linear(mult * dim, dim)

    def forward(self, x):
        a, b = getattr(self, "in")(self.norm(x)).chunk(2, -1)
        return x + self.scale * self.out(a * F.gelu(b))


class Layer(nn.Module):
    def __init__(self, dim, mult):
        super().__init__()
        self.attention, self.ff = Attention(dim), FeedForward(dim, mult)


class Block(nn.Module):
    def __init__(self, c, layers, reverse):
        super().__init__()
        self.c, self.reverse = c, reverse
        tokens, d, dim = c["tokens"], c["token_dim"], c["dim"]
        setattr(self, "in", nn.Linear(d, dim))
        if c["start"]:
            self.start = nn.Parameter(torch.randn(1, dim))
        self.position = nn.Parameter(torch.randn(tokens if c["start"] else tokens - 1, dim))
        if c["classes"]:
            setattr(self, "class", nn.Parameter(torch.randn(c["classes"], dim)))
        self.layers = nn.ModuleList(Layer(dim, c["ff_mult"]) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)
        self.out = nn.Linear(dim, 2 * d)

    def parameters_of(self, x, cond, guidance=1):
        if guidance != 1:
            with_class, without = self.raw(x, cond), self.raw(x, torch.full_like(cond, 1 / cond.shape[1]))
            shift, a = (without + guidance * (with_class - without)).chunk(2, -1)
        else:
            shift, a = self.raw(x, cond).chunk(2, -1)
        bound = self.c["log_scale"]
        return shift, bound * torch.tanh(a / bound)

    def raw(self, x, cond):
        h = getattr(self, "in")(x[:, :-1])
        if self.c["start"]:
            h = torch.cat([self.start.expand(len(x), 1, -1), h], 1)
        h = h + self.position
        if self.c["classes"]:
            h = h + (cond @ getattr(self, "class"))[:, None]
        for layer in self.layers:
            h = layer.ff(layer.attention(h, self.c["dim"] // self.c["head_dim"]))
        h = self.out(self.norm(h))
        if not self.c["start"]:
            h = torch.cat([torch.zeros_like(h[:, :1]), h], 1)
        return h

    def order(self, x):
        return x.flip(1) if self.reverse else x

    def forward(self, x, cond):
        x = self.order(x)
        shift, s = self.parameters_of(x, cond)
        return self.order((x - shift) * torch.exp(-s)), -s.sum((1, 2))

    def inverse(self, z, cond, guidance):
        z = self.order(z)
        x = torch.zeros_like(z)
        for t in range(z.shape[1]):
            shift, s = self.parameters_of(x, cond, guidance)
            x[:, t] = z[:, t] * torch.exp(s[:, t]) + shift[:, t]
        return self.order(x)


class TarFlow(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        p = c["patch"]
        c["tokens"], c["token_dim"] = c["height"] * c["width"] // p**2, p * p * c["channels"]
        self.register_buffer("mean", torch.randn(c["channels"]))
        self.register_buffer("std", torch.rand(c["channels"]) + 0.5)
        self.blocks = nn.ModuleList(Block(c, n, i % 2 == 1) for i, n in enumerate(c["blocks"]))
        if c["variance"]:
            self.log_std = nn.Parameter(torch.randn(c["tokens"], c["token_dim"]) * 0.3)

    def bounded(self):
        return self.c["log_scale"] * torch.tanh(self.log_std / self.c["log_scale"])

    def tokens(self, x):  # [N, h, w, c]
        p, (n, h, w, c) = self.c["patch"], x.shape
        x = (x - self.mean) / self.std
        return x.view(n, h // p, p, w // p, p, c).permute(0, 1, 3, 2, 4, 5).reshape(n, -1, p * p * c)

    def latents(self, x):
        p, h, w, c = (self.c[k] for k in ("patch", "height", "width", "channels"))
        x = x.view(len(x), h // p, w // p, p, p, c).permute(0, 1, 3, 2, 4, 5).reshape(len(x), h, w, c)
        return x * self.std + self.mean

    def forward(self, x, cond):
        z = self.tokens(x)
        log_det = -self.std.log().sum() * self.c["height"] * self.c["width"]
        for block in reversed(self.blocks):
            z, l = block(z, cond)
            log_det = log_det + l
        if self.c["variance"]:
            z, log_det = z * torch.exp(-self.bounded()), log_det - self.bounded().sum()
        return z, log_det

    def log_prob(self, x, cond):
        z, log_det = self(x, cond)
        return torch.distributions.Normal(0, 1).log_prob(z).sum((1, 2)) + log_det

    def inverse(self, z, cond, guidance):
        if self.c["variance"]:
            z = z * torch.exp(self.bounded())
        for block in self.blocks:
            z = block.inverse(z, cond, guidance)
        return self.latents(z)

    def denoise(self, y, cond):
        y = y.detach().requires_grad_()
        (score,) = torch.autograd.grad(self.log_prob(y, cond).sum(), y)
        return (y + self.c["noise"] ** 2 * self.std.square().mean() * score).detach()


def make(name, seed, **c):
    torch.manual_seed(seed)
    flow = TarFlow(c)
    n = 3
    x = torch.randn(n, c["height"], c["width"], c["channels"])
    cond = torch.softmax(2 * torch.randn(n, c["classes"]), 1) if c["classes"] else None
    noise = torch.randn(n, c["tokens"], c["token_dim"])
    z, log_det = flow(x, cond)
    log_prob = flow.log_prob(x, cond)
    loss = -log_prob.mean() / (c["height"] * c["width"] * c["channels"])
    loss.backward()
    values = {"x": x, "noise": noise, "z": z, "log_det": log_det, "log_prob": log_prob, "loss": loss}
    if cond is not None:
        values["cond"] = cond
    values |= {"grad." + k: p.grad for k, p in flow.named_parameters()}
    values["denoised"] = flow.denoise(x, cond)
    with torch.no_grad():
        values["sampled"] = flow.inverse(noise, cond, 1)
        if cond is not None:
            values["guided"] = flow.inverse(noise, cond, 2.5)
    values |= {"weight." + k: v for k, v in flow.state_dict().items()}
    values = {k: v.detach().contiguous().clone() for k, v in values.items()}
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"tarflow_{name}.safetensors")
    save_file(values, path, {"config": json.dumps(c)})


make("reference", 1, height=3, width=4, channels=2, patch=1, classes=0, blocks=[1, 1], dim=16, head_dim=16, ff_mult=2,
     start=False, variance=False, log_scale=4.0, noise=0.1)
make("all", 2, height=4, width=4, channels=3, patch=1, classes=3, blocks=[2, 1, 1], dim=16, head_dim=8, ff_mult=3,
     start=True, variance=True, log_scale=2.0, noise=0.3)
make("patches", 3, height=4, width=6, channels=2, patch=2, classes=2, blocks=[2, 1], dim=16, head_dim=8, ff_mult=2,
     start=True, variance=False, log_scale=3.0, noise=0.2)
