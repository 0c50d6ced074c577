"""Loads exported weights into classes of the flow notebook's structure, and compares what they compute.

    python load.py FOLDER

FOLDER has flow.pt, flow.emb.pt, autoencoder.pt and expected.pt, which TestNotebookInPyTorch writes. The classes below have the
parameters, buffers and equations of the published LinearRNVP (github.com/ispamm/realnvp-demo-pytorch) and ImprovedAutoEncoder.
"""
import copy
import math
import sys

import torch
from torch import nn


class Coupling(nn.Module):
    def __init__(self, dim, mask, topology, condition, single):
        super().__init__()
        self.register_buffer("mask", mask)
        layers = [nn.Linear(dim + condition, topology[0]), nn.ReLU()]
        for before, width in zip([topology[-1]] + topology[:-1], topology):
            layers += [nn.Linear(before, width), nn.ReLU()]
        layers.append(nn.Linear(topology[-1], 2 * dim if single else dim))
        self.s = nn.Sequential(*layers)
        if not single:
            self.t = copy.deepcopy(self.s)

    def scale_and_shift(self, x, y):
        kept = x * self.mask
        given = kept if y is None else torch.cat([y, kept], dim=1)
        s, t = self.s(given).chunk(2, 1) if not hasattr(self, "t") else (self.s(given), self.t(given))
        return kept, torch.tanh(s), t

    def forward(self, x, y=None):
        kept, s, t = self.scale_and_shift(x, y)
        return kept + (1 - self.mask) * (x * s.exp() + t), ((1 - self.mask) * s).sum(1)

    def backward(self, z, y=None):
        kept, s, t = self.scale_and_shift(z, y)
        return kept + (1 - self.mask) * (z - t) * torch.exp(-s), -((1 - self.mask) * s).sum(1)


class Permutation(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.register_buffer("p", torch.randperm(dim))
        self.register_buffer("invp", torch.argsort(self.p))

    def forward(self, x, y=None):
        return x[:, self.p], 0

    def backward(self, z, y=None):
        return z[:, self.invp], 0


class BatchNorm(nn.Module):
    eps = 1e-5

    def __init__(self, dim):
        super().__init__()
        self.log_gamma = nn.Parameter(torch.zeros(dim))
        self.beta = nn.Parameter(torch.zeros(dim))
        self.register_buffer("running_mean", torch.zeros(dim))
        self.register_buffer("running_var", torch.ones(dim))

    def forward(self, x, y=None):
        z = self.log_gamma.exp() * (x - self.running_mean) / torch.sqrt(self.running_var + self.eps) + self.beta
        return z, (self.log_gamma - 0.5 * torch.log(self.running_var + self.eps)).sum()

    def backward(self, z, y=None):
        x = (z - self.beta) * torch.exp(-self.log_gamma) * torch.sqrt(self.running_var + self.eps) + self.running_mean
        return x, (0.5 * torch.log(self.running_var + self.eps) - self.log_gamma).sum()


class LinearRNVP(nn.Module):
    def __init__(self, input_dim, coupling_topology, flow_n=2, use_permutation=False, batch_norm=False, mask_type="odds",
                 conditioning_size=None, single_function=False):
        super().__init__()
        self.register_buffer("prior_mean", torch.zeros(input_dim))
        self.register_buffer("prior_var", torch.ones(input_dim))
        mask = torch.arange(input_dim).float() % 2
        if mask_type == "half":
            mask = (torch.arange(input_dim) < input_dim // 2).float()
        blocks = []
        for _ in range(flow_n):
            blocks.append(Coupling(input_dim, mask, coupling_topology, conditioning_size or 0, single_function))
            if use_permutation:
                blocks.append(Permutation(input_dim))
            else:
                mask = 1 - mask
            if batch_norm:
                blocks.append(BatchNorm(input_dim))
        self.flows = nn.Sequential(*blocks)

    def log_prob(self, x, y=None):
        total = 0
        for block in self.flows:
            x, log_det = block(x, y)
            total = total + log_det
        return torch.distributions.Normal(self.prior_mean, self.prior_var).log_prob(x).sum(1) + total

    def backward(self, z, y=None):
        for block in reversed(self.flows):
            z, _ = block.backward(z, y)
        return z


class ImprovedAutoEncoder(nn.Module):
    def __init__(self, channels, features, hidden, embedding):
        super().__init__()
        down, up = [], []
        for before, after in zip(channels, channels[1:]):
            down += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
        back = channels[::-1]
        for before, after in zip(back, back[1:-1]):
            up += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        up += [nn.ConvTranspose2d(back[-2], back[-1], 4, 2, 1), nn.Tanh()]
        self.encoder, self.decoder = nn.Sequential(*down), nn.Sequential(*up)
        self.fc_encode = nn.Sequential(nn.Linear(features, hidden), nn.BatchNorm1d(hidden), nn.LeakyReLU(0.2), nn.Dropout(0.2),
                                       nn.Linear(hidden, embedding))
        self.fc_decode = nn.Sequential(nn.Linear(embedding, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(0.2),
                                       nn.Linear(hidden, features), nn.BatchNorm1d(features), nn.ReLU())
        self.last = channels[-1]

    def encode(self, x):
        return self.fc_encode(self.encoder(x).flatten(1))

    def decode(self, z):
        h = self.fc_decode(z)
        side = math.isqrt(h.shape[1] // self.last)
        return self.decoder(h.view(len(h), self.last, side, side))


def load(model, path):
    model.load_state_dict(torch.load(path, weights_only=True), strict=True)
    return model.eval()


def compare(what, got, want):
    error = (got - want).abs().max().item() / want.abs().max().item()
    print(f"{what}: {error:.1e}")
    if not error < 1e-5:
        sys.exit(f"{what} is off by {error}")


@torch.no_grad()
def main(folder):
    expected = torch.load(folder + "/expected.pt", weights_only=True)
    emb = torch.load(folder + "/flow.emb.pt", weights_only=True)
    flow = load(eval(expected["call"]), folder + "/flow.pt")
    y = expected.get("y")
    rows = (expected["x"] - emb["emb_mean"]) / emb["emb_std"]
    compare("density", flow.log_prob(rows, y) - emb["emb_std"].log().sum(), expected["log_prob"])
    compare("samples", flow.backward(expected["z"], y) * emb["emb_std"] + emb["emb_mean"], expected["sample"])
    if expected["again"]:  # saved by PyTorch, for the import
        torch.save(flow.state_dict(), folder + "/again.pt")
        torch.save({k: emb[k] for k in ("emb_mean", "emb_std")}, folder + "/again.emb.pt")
    auto = load(ImprovedAutoEncoder(*expected["autoencoder"]), folder + "/autoencoder.pt")
    compare("embedding", auto.encode(expected["picture"]), expected["embedding"])
    compare("reconstruction", auto.decode(expected["embedding"]), expected["reconstruction"])


main(sys.argv[1])
