"""Flows over rows of a table, built from the modules of zuko 1.6.0 and nflows 0.14: the workloads density/… of
`bestiary bench --vs zuko` and `--vs nflows`.

Both have five layers with two hidden layers of 128, splines of 8 bins, and alternating masks or orders of the columns."""

import torch

LAYERS, HIDDEN, BINS = 5, (128, 128), 8


class Zuko:
    """zuko's flows: a model makes a distribution, which has log_prob and sample."""

    def __init__(self, kind, columns):
        import zuko
        from zuko.distributions import DiagNormal
        from zuko.flows.coupling import GeneralCouplingTransform
        from zuko.lazy import Flow, UnconditionalDistribution
        from zuko.transforms import MonotonicRQSTransform

        if kind == "realnvp":
            self.flow = zuko.flows.RealNVP(columns, transforms=LAYERS, hidden_features=HIDDEN)
        elif kind == "maf":
            self.flow = zuko.flows.MAF(columns, transforms=LAYERS, hidden_features=HIDDEN)
        else:  # as zuko.flows.RealNVP, with splines; NSF(passes=2) multiplies masks in its place
            couplings = [
                GeneralCouplingTransform(
                    columns, mask=torch.arange(columns) % 2 == i % 2, univariate=MonotonicRQSTransform,
                    shapes=[(BINS,), (BINS,), (BINS - 1,)], hidden_features=HIDDEN,
                )
                for i in range(LAYERS)
            ]
            base = UnconditionalDistribution(DiagNormal, loc=torch.zeros(columns), scale=torch.ones(columns), buffer=True)
            self.flow = Flow(couplings, base)

    def loss(self, x):
        return -self.flow().log_prob(x).mean()

    def sample(self, n):
        return self.flow().sample((n,))


class NFlows:
    """nflows' flows."""

    def __init__(self, kind, columns):
        from nflows.distributions.normal import StandardNormal
        from nflows.flows.base import Flow
        from nflows.nn.nets import MLP
        from nflows.transforms import (
            AffineCouplingTransform, CompositeTransform, MaskedAffineAutoregressiveTransform,
            PiecewiseRationalQuadraticCouplingTransform, ReversePermutation,
        )

        class Network(MLP):
            def forward(self, inputs, context=None):
                return super().forward(inputs)

        network = lambda inputs, outputs: Network([inputs], [outputs], list(HIDDEN))
        layers = []
        for i in range(LAYERS):
            mask = (torch.arange(columns) + i) % 2  # 1: transformed
            if kind == "realnvp":
                layers.append(AffineCouplingTransform(mask, network))
            elif kind == "nsf":
                layers.append(PiecewiseRationalQuadraticCouplingTransform(mask, network, num_bins=BINS, tails="linear", tail_bound=5.0))
            else:
                layers += [ReversePermutation(columns)] if i else []
                layers.append(MaskedAffineAutoregressiveTransform(
                    columns, HIDDEN[0], num_blocks=len(HIDDEN) - 1, use_residual_blocks=False))
        self.flow = Flow(CompositeTransform(layers), StandardNormal([columns]))

    def loss(self, x):
        return -self.flow.log_prob(x).mean()

    def sample(self, n):
        return self.flow.sample(n)


LIBRARIES = {"zuko": Zuko, "nflows": NFlows}


def density(library, name, train):
    """The step of a workload density/KIND/train/dCOLUMNS-bBATCH or density/KIND/sample/…, and the number of parameters."""
    _, kind, what, sizes = name.split("/")
    columns, batch = (int(size[1:]) for size in sizes.split("-"))
    model = LIBRARIES[library](kind, columns)
    parameters = sum(p.numel() for p in model.flow.parameters() if p.requires_grad)
    if what == "train":
        x = torch.randn(batch, columns)
        return train(model.flow, lambda: model.loss(x)), parameters
    model.flow.eval()

    @torch.no_grad()
    def step():
        return model.sample(batch).numpy()

    return step, parameters
