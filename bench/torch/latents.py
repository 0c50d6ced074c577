"""The KL autoencoder of latent diffusion with its discriminator, TarFlow with a KV cache, and the residual classifier, in plain
PyTorch at the sizes of the named workloads. Attention is PyTorch's own fused one."""

import torch
import torch.nn.functional as F
from torch import nn

WIDTH, EMBED, PATCH = 64, 16, 2
MULTIPLIERS = 1, 2, 4


def norm(channels):
    return nn.GroupNorm(32, channels, eps=1e-6)


class ResBlock(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.norm1, self.conv1, self.norm2, self.conv2 = norm(i), nn.Conv2d(i, o, 3, padding=1), norm(o), nn.Conv2d(o, o, 3, padding=1)
        self.shortcut = nn.Conv2d(i, o, 1) if i != o else nn.Identity()

    def forward(self, x):
        h = self.conv1(F.silu(self.norm1(x)))
        return self.conv2(F.silu(self.norm2(h))) + self.shortcut(x)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm, self.qkv, self.out = norm(c), nn.Conv2d(c, 3 * c, 1), nn.Conv2d(c, c, 1)

    def forward(self, x):
        b, c, h, w = x.shape
        q, k, v = self.qkv(self.norm(x)).view(b, 3, 1, c, h * w).transpose(-1, -2).unbind(1)
        y = F.scaled_dot_product_attention(q, k, v).transpose(-1, -2).reshape(b, c, h, w)
        return self.out(y) + x


class Downsample(nn.Module):
    """Blur with stride 2 (Zhang, 2019), then a convolution."""

    def __init__(self, c):
        super().__init__()
        kernel = torch.tensor([1.0, 3, 3, 1])
        self.register_buffer("kernel", (torch.outer(kernel, kernel) / 64).expand(c, 1, 4, 4).contiguous())
        self.conv = nn.Conv2d(c, c, 3, padding=1)

    def forward(self, x):
        return self.conv(F.conv2d(x, self.kernel, stride=2, padding=1, groups=x.shape[1]))


class Upsample(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv = nn.Conv2d(c, c, 3, padding=1)

    def forward(self, x):
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


def middle(c):
    return [ResBlock(c, c), Attention(c), ResBlock(c, c)]


class KLAutoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        pixels, at = 3 * PATCH**2, WIDTH
        layers = [nn.PixelUnshuffle(PATCH), nn.Conv2d(pixels, at, 3, padding=1)]
        for i, m in enumerate(MULTIPLIERS):
            layers.append(ResBlock(at, at := m * WIDTH))
            if i < len(MULTIPLIERS) - 1:
                layers.append(Downsample(at))
        layers += middle(at) + [norm(at), nn.SiLU(), nn.Conv2d(at, 2 * EMBED, 3, padding=1), nn.Conv2d(2 * EMBED, 2 * EMBED, 1)]
        self.encoder = nn.Sequential(*layers)
        layers = [nn.Conv2d(EMBED, EMBED, 1), nn.Conv2d(EMBED, at, 3, padding=1)] + middle(at)
        for i, m in reversed(list(enumerate(MULTIPLIERS))):
            layers += [ResBlock(at, at := m * WIDTH), ResBlock(at, at)]
            if i > 0:
                layers.append(Upsample(at))
        self.body = nn.Sequential(*layers, norm(at), nn.SiLU())
        self.last = nn.Conv2d(at, pixels, 3, padding=1)

    def decode(self, z):
        return F.pixel_shuffle(self.last(self.body(z)), PATCH)

    def forward(self, x):
        mean, log_var = self.encoder(x).chunk(2, 1)
        log_var = log_var.clamp(-30, 20)
        made = self.decode(mean + (0.5 * log_var).exp() * torch.randn_like(mean))
        return made, 0.5 * (mean**2 + log_var.exp() - 1 - log_var).mean()


class Discriminator(nn.Sequential):
    def __init__(self, width=48):
        super().__init__(
            nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * width), nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 4 * width, 4, 1, 1, bias=False), nn.BatchNorm2d(4 * width), nn.LeakyReLU(0.2),
            nn.Conv2d(4 * width, 1, 4, 1, 1),
        )


def adversarial_step(model, judge, adam, opponent, x):
    """A step of both, with the adaptive weight of taming-transformers."""
    made, kl = model(x)
    error = (made - x).abs().mean()
    judged = -judge(made).mean()
    size = lambda loss: torch.autograd.grad(loss, model.last.weight, retain_graph=True)[0].norm()
    weight = (size(error) / (size(judged) + 1e-4)).clamp(0, 1e4).detach() * 0.25
    adam.zero_grad(set_to_none=True)
    (error + weight * judged + 1e-3 * kl).backward()
    opponent.zero_grad(set_to_none=True)
    made = made.detach()
    (0.5 * (F.relu(1 - judge(x)).mean() + F.relu(1 + judge(made)).mean())).backward()
    adam.step()
    opponent.step()


DIM, HEADS = 256, 4


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale1, self.scale2 = nn.Parameter(torch.full((DIM,), 0.1)), nn.Parameter(torch.full((DIM,), 0.1))
        self.norm1, self.norm2 = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.qkv, self.out = nn.Linear(DIM, 3 * DIM, bias=False), nn.Linear(DIM, DIM)
        self.wide, self.narrow, self.dropout = nn.Linear(DIM, 4 * DIM), nn.Linear(2 * DIM, DIM), nn.Dropout(0.1)

    def forward(self, x, cache=None):
        b, n, _ = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, n, 3, HEADS, DIM // HEADS).permute(2, 0, 3, 1, 4)
        if cache is not None:
            keys, values, at = cache
            keys[:, :, at], values[:, :, at] = k[:, :, 0], v[:, :, 0]
            k, v = keys[:, :, : at + 1], values[:, :, : at + 1]
        y = F.scaled_dot_product_attention(q, k, v, is_causal=cache is None).transpose(1, 2).reshape(b, n, DIM)
        x = x + self.scale1 * self.dropout(self.out(y))
        y, gates = self.wide(self.norm2(x)).chunk(2, -1)
        return x + self.scale2 * self.narrow(self.dropout(y * F.gelu(gates)))


class Block(nn.Module):
    """An autoregressive affine map of tokens [N, T, D] (Zhai et al., 2024), with a learned input before the first token."""

    def __init__(self, layers, tokens, size, classes):
        super().__init__()
        self.enter, self.start = nn.Linear(size, DIM), nn.Parameter(torch.randn(1, 1, DIM) * 0.02)
        self.position, self.classes = nn.Parameter(torch.randn(tokens, DIM) * 0.02), nn.Parameter(torch.randn(classes, DIM) * 0.02)
        self.layers, self.norm, self.leave = nn.ModuleList(Layer() for _ in range(layers)), nn.LayerNorm(DIM), nn.Linear(DIM, 2 * size)

    def split(self, raw):
        shift, scale = raw.chunk(2, -1)
        return shift, 3 * torch.tanh(scale / 3)

    def forward(self, x, cond):
        h = torch.cat([self.start.expand(len(x), 1, DIM), self.enter(x[:, :-1])], 1) + self.position + (cond @ self.classes)[:, None]
        for layer in self.layers:
            h = layer(h)
        shift, scale = self.split(self.leave(self.norm(h)))
        return (x - shift) * torch.exp(-scale), -scale.sum((1, 2))

    def inverse(self, z, cond, guidance):
        n, tokens, _ = z.shape
        cond, x = (cond @ self.classes)[:, None], torch.empty_like(z)
        caches = [(z.new_empty(2 * n, HEADS, tokens, DIM // HEADS), z.new_empty(2 * n, HEADS, tokens, DIM // HEADS)) for _ in self.layers]
        for t in range(tokens):
            h = self.enter(x[:, t - 1 : t]).repeat(2, 1, 1) if t else self.start.expand(2 * n, 1, DIM)
            h = h + self.position[t] + cond
            for layer, (keys, values) in zip(self.layers, caches):
                h = layer(h, (keys, values, t))
            given, without = self.leave(self.norm(h)).chunk(2, 0)
            shift, scale = self.split(without + guidance * (given - without))
            x[:, t] = z[:, t] * torch.exp(scale[:, 0]) + shift[:, 0]
        return x


class TarFlow(nn.Module):
    def __init__(self, layers=(6, 2, 2), tokens=64, size=EMBED, classes=2):
        super().__init__()
        self.count = classes
        self.blocks = nn.ModuleList(Block(n, tokens, size, classes) for n in layers)

    def loss(self, x, labels):
        cond = F.one_hot(labels, self.count).float()
        drop = torch.rand(len(x), 1, device=x.device) < 0.1
        cond = torch.where(drop, torch.full_like(cond, 1 / self.count), cond)
        x, total = x + 0.1 * torch.randn_like(x), 0
        for i, block in reversed(list(enumerate(self.blocks))):
            x, log_det = block(x.flip(1) if i % 2 else x, cond)
            x, total = x.flip(1) if i % 2 else x, total + log_det
        return (0.5 * x.square().sum((1, 2)) - total).mean() / x[0].numel()

    @torch.no_grad()
    def sample(self, z, labels, guidance):
        cond = F.one_hot(labels, self.count).float()
        cond = torch.cat([cond, torch.full_like(cond, 1 / self.count)])
        for i, block in enumerate(self.blocks):
            z = block.inverse(z.flip(1) if i % 2 else z, cond, guidance)
            z = z.flip(1) if i % 2 else z
        return z


class Residual(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.shortcut = nn.Identity()
        if i != o or stride != 1:
            self.shortcut = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.shortcut(x))


class Classifier(nn.Sequential):
    def __init__(self, widths=(32, 64, 128, 128), blocks=2, classes=2):
        layers, at = [nn.Conv2d(3, widths[0], 3, 2, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()], widths[0]
        for i, width in enumerate(widths):
            for k in range(blocks):
                layers.append(Residual(at, width, 2 if i > 0 and k == 0 else 1))
                at = width
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.1), nn.Linear(at, classes))
