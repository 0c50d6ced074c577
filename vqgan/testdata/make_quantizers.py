"""Writes quantizers.safetensors: what the quantizers of taming-transformers, and formulas of papers, make of random latents.

    python make_quantizers.py    # needs taming-transformers-rom1504 0.0.6 (pytorch_lightning is not needed), torch, safetensors

VectorQuantizer2 and GumbelQuantize are taming's. FSQ is the code of Mentzer et al. (2024), appendix A.1, in NumPy. Cosine codes
(Yu et al., 2022) and moving averages (van den Oord et al., 2017, appendix A.1) are written out.
"""
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from taming.modules.vqvae.quantize import GumbelQuantize, VectorQuantizer2

torch.manual_seed(3)
K, D = 7, 4
z0 = torch.randn(2, D, 3, 3)
table0 = torch.randn(K, D)
up = torch.randn(2, D, 3, 3)  # gradient of the output
t = {"z": z0, "table": table0, "upstream": up}


def flat(x):
    return x.permute(0, 2, 3, 1).reshape(-1, D)


def result(name, z, zq, loss, codes, **grads):
    ((zq * up).sum() + loss).backward()
    t[name + ".zq"], t[name + ".loss"], t[name + ".codes"] = zq.detach(), loss.detach().reshape(1), codes.reshape(2, 9)
    t[name + ".grad.z"] = z.grad
    for k, p in grads.items():
        t[name + ".grad." + k] = p.grad


for name, legacy in [("vq", False), ("legacy", True)]:
    q = VectorQuantizer2(K, D, beta=0.25, legacy=legacy)
    q.embedding.weight.data = table0.clone()
    z = z0.clone().requires_grad_()
    zq, loss, (_, _, codes) = q(z)
    result(name, z, zq, loss, codes, table=q.embedding.weight)

z, table = z0.clone().requires_grad_(), table0.clone().requires_grad_()
zn = z / z.norm(dim=1, keepdim=True)
book = table / table.norm(dim=1, keepdim=True)
codes = (flat(zn) @ book.T).argmax(1)
e = book[codes].reshape(2, 3, 3, D).permute(0, 3, 1, 2)
loss = 0.25 * ((e.detach() - zn) ** 2).mean() + ((e - zn.detach()) ** 2).mean()
result("cosine", z, zn + (e - zn).detach(), loss, codes, table=table)

# Two steps of moving averages with decay 0.9, of counts that begin with 1 and sums that begin with the entries.
decay, count, total, book = 0.9, np.ones(K), table0.double().numpy(), table0.double().numpy()
x = flat(z0).double().numpy()
for _ in range(2):
    codes = ((x[:, None] - book[None]) ** 2).sum(-1).argmin(1)
    onehot = np.eye(K)[codes]
    count = decay * count + (1 - decay) * onehot.sum(0)
    total = decay * total + (1 - decay) * onehot.T @ x
    n = count.sum()
    book = total / ((count + 1e-5) / (n + K * 1e-5) * n)[:, None]
t["ema.count"], t["ema.sum"], t["ema.table"] = (torch.tensor(v, dtype=torch.float32) for v in (count, total, book))

g = GumbelQuantize(D, D, K, straight_through=True, kl_weight=0.3, temp_init=0.7)
g.proj.weight.data, g.proj.bias.data = torch.randn(K, D, 1, 1), torch.randn(K) * 0.2
noise = -torch.empty(2, K, 3, 3).exponential_().log()
F.gumbel_softmax = lambda logits, tau, dim, hard: (lambda soft: F.one_hot(soft.argmax(dim), K).movedim(-1, dim) - soft.detach() + soft)(
    ((logits + noise) / tau).softmax(dim))
z = z0.clone().requires_grad_()
zq, loss, (_, _, drawn) = g(z)
t.update({"gumbel.noise": noise, "gumbel.proj.weight": g.proj.weight.detach(), "gumbel.proj.bias": g.proj.bias.detach(),
          "gumbel.embed": g.embed.weight.detach()})
result("gumbel", z, zq, loss, g.proj(z0).argmax(1), proj=g.proj.weight, embed=g.embed.weight)


class FSQ:
    def __init__(self, levels, eps=1e-3):
        self.levels, self.eps = np.asarray(levels), eps
        self.basis = np.concatenate(([1], np.cumprod(self.levels[:-1])))

    def bound(self, z):
        half_l = (self.levels - 1) * (1 - self.eps) / 2
        offset = np.where(self.levels % 2 == 1, 0.0, 0.5)
        shift = np.tan(offset / half_l)
        return np.tanh(z + shift) * half_l - offset

    def quantize(self, z):
        return np.round(self.bound(z)) / (self.levels // 2)

    def codes_to_indexes(self, zhat):
        half_width = self.levels // 2
        return ((zhat * half_width + half_width) * self.basis).sum(-1).round().astype(np.int64)


for name, levels in [("fsq", [8, 5, 4, 3]), ("fsq_odd", [7, 5, 5, 5]), ("fsq_two", [2, 2, 3, 2])]:
    f = FSQ(levels)
    x = flat(2 * z0).double().numpy()
    zhat = f.quantize(x)
    slope = (f.bound(x + 1e-6) - f.bound(x - 1e-6)) / 2e-6 / (f.levels // 2)
    t[name + ".zq"] = torch.tensor(zhat, dtype=torch.float32)
    t[name + ".codes"] = torch.tensor(f.codes_to_indexes(zhat)).reshape(2, 9)
    t[name + ".grad.z"] = torch.tensor(slope * flat(up).double().numpy(), dtype=torch.float32)

save_file({k: v.contiguous() for k, v in t.items()}, "quantizers.safetensors")
