"""Rectified flow with blocks of DiT, and MaskGIT, in plain PyTorch at the sizes of the named workloads. Attention is PyTorch's
own fused one."""

import math

import torch
import torch.nn.functional as F
from torch import nn

DIM, HEADS = 256, 4


def attend(qkv):
    b, n, _ = qkv.shape
    q, k, v = qkv.view(b, n, 3, HEADS, DIM // HEADS).permute(2, 0, 3, 1, 4)
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, DIM)


class Block(nn.Module):
    """A block with adaLN-Zero (Peebles & Xie, 2023)."""

    def __init__(self):
        super().__init__()
        self.modulation, self.norm = nn.Linear(DIM, 6 * DIM), nn.LayerNorm(DIM, eps=1e-6, elementwise_affine=False)
        self.qkv, self.out = nn.Linear(DIM, 3 * DIM), nn.Linear(DIM, DIM)
        self.ff = nn.Sequential(nn.Linear(DIM, 4 * DIM), nn.GELU(), nn.Linear(4 * DIM, DIM))

    def forward(self, x, c):
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation(c)[:, None].chunk(6, -1)
        x = x + gate1 * self.out(attend(self.qkv(self.norm(x) * (1 + scale1) + shift1)))
        return x + gate2 * self.ff(self.norm(x) * (1 + scale2) + shift2)


class Rectified(nn.Module):
    def __init__(self, vocabulary, text_len, side, channels, depth=6):
        super().__init__()
        self.text_len = text_len
        self.text, self.text_position = nn.Embedding(vocabulary + 1, DIM), nn.Parameter(torch.randn(text_len, DIM))
        self.position, self.enter = nn.Parameter(torch.randn(side**2, DIM)), nn.Linear(channels, DIM)
        self.time = nn.Sequential(nn.Linear(256, DIM), nn.SiLU(), nn.Linear(DIM, DIM))
        self.pooled, self.blocks = nn.Linear(DIM, DIM), nn.ModuleList(Block() for _ in range(depth))
        self.modulation, self.norm = nn.Linear(DIM, 2 * DIM), nn.LayerNorm(DIM, eps=1e-6, elementwise_affine=False)
        self.leave = nn.Linear(DIM, channels)

    def forward(self, x, t, ids):
        text = self.text(ids)
        angles = 1000 * t[:, None] * torch.exp(-math.log(1e4) / 128 * torch.arange(128, device=t.device))
        c = F.silu(self.time(torch.cat([angles.cos(), angles.sin()], 1)) + self.pooled(text.mean(1)))
        y = torch.cat([text + self.text_position[: ids.shape[1]], self.enter(x) + self.position], 1)
        for block in self.blocks:
            y = block(y, c)
        shift, scale = self.modulation(c)[:, None].chunk(2, -1)
        return self.leave(self.norm(y[:, ids.shape[1] :]) * (1 + scale) + shift)

    def loss(self, x, ids):
        t, noise = torch.randn(len(x), device=x.device).sigmoid(), torch.randn_like(x)
        path = x + t[:, None, None] * (noise - x)
        return F.mse_loss(self(path, t, ids), noise - x)

    @torch.no_grad()
    def generate(self, noise, ids, steps=12, guidance=3):
        null = ids.new_full((len(ids), 1), self.text.num_embeddings - 1)

        def velocity(x, t):
            t = x.new_full((len(x),), t)
            without = self(x, t, null)
            return without + guidance * (self(x, t, ids) - without)

        x, h = noise, -1 / steps
        for step in range(steps):
            t = 1 + step * h
            v = velocity(x, t)
            x = x + h / 2 * (v + velocity(x + h * v, t + h))
        return x


class GEGLU(nn.Module):
    def forward(self, x):
        x, gates = x.chunk(2, -1)
        return x * F.gelu(gates)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale1, self.scale2 = nn.Parameter(torch.full((DIM,), 0.1)), nn.Parameter(torch.full((DIM,), 0.1))
        self.norm1, self.norm2 = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.qkv, self.out = nn.Linear(DIM, 3 * DIM, bias=False), nn.Linear(DIM, DIM)
        self.ff = nn.Sequential(nn.Linear(DIM, 4 * DIM), GEGLU(), nn.Linear(2 * DIM, DIM))

    def forward(self, x):
        x = x + self.scale1 * self.out(attend(self.qkv(self.norm1(x))))
        return x + self.scale2 * self.ff(self.norm2(x))


class MaskGIT(nn.Module):
    def __init__(self, vocabulary, text_len, codes, side, depth=6):
        super().__init__()
        self.codes, self.cells = codes, side**2
        self.text, self.text_position = nn.Embedding(vocabulary + 1, DIM), nn.Parameter(torch.randn(text_len, DIM))
        self.image, self.position = nn.Embedding(codes + 1, DIM), nn.Parameter(torch.randn(self.cells, DIM))
        self.layers = nn.Sequential(*(Layer() for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(DIM), nn.Linear(DIM, codes)

    def hidden(self, ids, image):
        x = torch.cat([self.text(ids) + self.text_position[: ids.shape[1]], self.image(image) + self.position], 1)
        return self.layers(x)[:, ids.shape[1] :]

    def loss(self, ids, image):
        share = torch.cos(math.pi / 2 * torch.rand(len(image), 1, device=image.device))
        masked = torch.rand(image.shape, device=image.device).argsort(1) < (share * self.cells).ceil()
        x = self.hidden(ids, torch.where(masked, self.codes, image))
        return F.cross_entropy(self.head(self.norm(x[masked])), image[masked], label_smoothing=0.1)

    @torch.no_grad()
    def generate(self, ids, passes=12, guidance=2, choice=4.5):
        image = ids.new_full((len(ids), self.cells), self.codes)
        null = ids.new_full((len(ids), 1), self.text.num_embeddings - 1)
        gumbel = lambda x: -torch.log(-torch.log(torch.rand_like(x).clamp_(1e-20, 1 - 1e-7)))
        for n in range(1, passes + 1):
            logits, without = (self.head(self.norm(self.hidden(words, image))) for words in (ids, null))
            logits = without + guidance * (logits - without)
            sampled = (logits + gumbel(logits)).argmax(-1)
            confidence = logits.log_softmax(-1).gather(-1, sampled[..., None])[..., 0]
            confidence = confidence + choice * (1 - n / passes) * gumbel(confidence)
            known = image != self.codes
            confidence[known] = math.inf
            sampled = torch.where(known, image, sampled)
            left = int(math.cos(math.pi / 2 * n / passes) * self.cells)
            lowest = confidence.argsort(1)[:, :left]
            image = sampled.scatter(1, lowest, self.codes) if left else sampled
        return image
