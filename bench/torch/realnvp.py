"""The conditional RealNVP in plain PyTorch: affine couplings that mask the full row, each followed by a random
permutation of the columns and a batch norm with running statistics. One network per coupling computes s and t."""

import math

import torch
from torch import nn

DIM, CLASSES, HIDDEN, LAYERS = 256, 2, [256, 256], 12


class Coupling(nn.Module):
    def __init__(self, dim, classes, hidden, parity):
        super().__init__()
        self.register_buffer("mask", ((torch.arange(dim) + parity) % 2).float())
        layers, width = [], dim + classes
        for h in [hidden[-1]] + hidden:  # the reference has one hidden layer more than its list says
            layers += [nn.Linear(width, h), nn.ReLU()]
            width = h
        self.net = nn.Sequential(*layers, nn.Linear(width, 2 * dim))

    def scale_and_shift(self, kept, y):
        s, t = self.net(torch.cat([y, kept], 1)).chunk(2, 1)
        return torch.tanh(s) * (1 - self.mask), t * (1 - self.mask)

    def forward(self, x, y):
        s, t = self.scale_and_shift(x * self.mask, y)
        return x * torch.exp(s) + t, s.sum(1)

    def inverse(self, z, y):
        s, t = self.scale_and_shift(z * self.mask, y)
        return (z - t) * torch.exp(-s), -s.sum(1)


class Permutation(nn.Module):
    def __init__(self, dim):
        super().__init__()
        order = torch.randperm(dim)
        self.register_buffer("order", order)
        self.register_buffer("back", torch.argsort(order))

    def forward(self, x, y):
        return x[:, self.order], x.new_zeros(len(x))

    def inverse(self, z, y):
        return z[:, self.back], z.new_zeros(len(z))


class BatchNorm(nn.Module):
    def __init__(self, dim, momentum=0.9, eps=1e-5):
        super().__init__()
        self.log_gamma, self.beta = nn.Parameter(torch.zeros(dim)), nn.Parameter(torch.zeros(dim))
        self.register_buffer("running_mean", torch.zeros(dim))
        self.register_buffer("running_var", torch.ones(dim))
        self.momentum, self.eps = momentum, eps

    def forward(self, x, y):
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.mean(0), x.var(0)
            self.running_mean.mul_(self.momentum).add_(mean.detach() * (1 - self.momentum))
            self.running_var.mul_(self.momentum).add_(var.detach() * (1 - self.momentum))
        z = (x - mean) / torch.sqrt(var + self.eps) * torch.exp(self.log_gamma) + self.beta
        return z, (self.log_gamma - 0.5 * torch.log(var + self.eps)).sum().expand(len(x))

    def inverse(self, z, y):
        x = (z - self.beta) * torch.exp(-self.log_gamma) * torch.sqrt(self.running_var + self.eps) + self.running_mean
        return x, (0.5 * torch.log(self.running_var + self.eps) - self.log_gamma).sum().expand(len(z))


class RealNVP(nn.Module):
    def __init__(self, dim=DIM, classes=CLASSES, hidden=HIDDEN, layers=LAYERS):
        super().__init__()
        flows = []
        for _ in range(layers):
            flows += [Coupling(dim, classes, hidden, 0), Permutation(dim), BatchNorm(dim)]
        self.flows = nn.ModuleList(flows)

    def forward(self, x, y):  # data [N, D] and one-hot classes [N, C] to the latent and log|det| [N]
        log_det = x.new_zeros(len(x))
        for flow in self.flows:
            x, one = flow(x, y)
            log_det = log_det + one
        return x, log_det

    def inverse(self, z, y):
        log_det = z.new_zeros(len(z))
        for flow in reversed(self.flows):
            z, one = flow.inverse(z, y)
            log_det = log_det + one
        return z, log_det

    def loss(self, x, y):  # negative log-likelihood under a standard normal base, mean over the rows
        z, log_det = self(x, y)
        log_p = -0.5 * (z * z).sum(1) - 0.5 * z.shape[1] * math.log(2 * math.pi)
        return -(log_p + log_det).mean()
