"""Makes peers.safetensors: small flows of zuko 1.6.0 and nflows 0.14 with random weights, rows, log-densities and samples.

    pip install torch zuko==1.6.0 nflows==0.14 safetensors
    python flows/testdata/make_peers.py

Weights are stored under the names of package flows; the spec of each flow is its metadata. peers_test.go compares.
"""
import json
import math
import os

import torch
import zuko
from nflows import transforms as nt
from nflows.distributions.normal import DiagonalNormal, StandardNormal
from nflows.flows.base import Flow
from nflows.nn.nets import MLP
from safetensors.torch import save_file

D, C, HIDDEN, BINS, CLIP = 4, 2, [9, 8], 5, -math.log(1e-3)
tensors, specs = {}, {}


def put(case, path, t):
    tensors[f"{case}.{path}"] = t.detach().float().contiguous()


def linear(case, path, layer, columns=None, rows=None, masked=False):
    """columns reorders the inputs, rows the outputs."""
    weight, bias = layer.weight.clone(), layer.bias.clone()
    mask = layer.mask.float() if masked else None
    if columns is not None:
        weight = weight[:, columns]
        mask = mask[:, columns] if masked else None
    if rows is not None:
        weight, bias = weight[rows], bias[rows]
        mask = mask[rows] if masked else None
    put(case, f"weights.{path}.weight", weight)
    put(case, f"weights.{path}.bias", bias)
    if masked:
        put(case, f"weights.{path}.mask", mask)


def disturb(flow, scale):
    """Larger weights, so that the maps are far from the identity."""
    with torch.no_grad():
        for p in flow.parameters():
            p.mul_(scale)


def finish(case, layers, log_prob, inverse, condition=0, base="normal"):
    specs[case] = {"columns": D, "condition": condition, "base": {"kind": base}, "layers": layers}
    x = torch.randn(64, D) * 1.5
    c = torch.randn(64, C) if condition else None
    put(case, "x", x)
    put(case, "log_prob", log_prob(x, c))
    z = torch.randn(64, D)
    put(case, "z", z)
    put(case, "sample", inverse(z, c))
    if condition:
        put(case, "condition", c)


def condition_first(condition):
    """zuko and nflows put the condition behind the columns, package flows before them."""
    return list(range(D, D + condition)) + list(range(D))


def zuko_flow(case, flow, kind, map, condition=0):
    disturb(flow, 2)
    layers = []
    for i, t in enumerate(flow.transform.transforms):
        spec = {"kind": kind, "map": map, "hidden": HIDDEN, "clip": CLIP}
        if map == "spline":
            spec.update(bins=BINS, bound=5)
        if kind == "autoregressive":
            spec["flipped"] = i % 2 == 1
            columns = condition_first(condition)
        else:
            spec.update(mask="odds", flipped=i % 2 == 0)
            passive = int(t.mask.sum())
            columns = list(range(passive, passive + condition)) + list(range(passive))
        for k, layer in enumerate(m for m in t.hyper if hasattr(m, "weight")):
            linear(case, f"{i}.net.{2 * k}", layer, columns if k == 0 else None, masked=kind == "autoregressive")
        layers.append(spec)
    given = lambda c: flow(c) if condition else flow()
    finish(case, layers, lambda x, c: given(c).log_prob(x), lambda z, c: given(c).transform.inv(z), condition)


def nflows_flow(case, transforms, specs_of, save, base=None):
    flow = Flow(nt.CompositeTransform(transforms), base or StandardNormal([D]))
    disturb(flow, 2)
    flow.eval()
    for i, t in enumerate(transforms):
        save(case, i, t)
    if base:
        put(case, "weights.base.mean", base.mean_.flatten())
        put(case, "weights.base.log_std", base.log_std_.flatten())
    finish(case, specs_of, lambda x, c: flow.log_prob(x, c), lambda z, c: flow._transform.inverse(z, c)[0],
           base="diagonal" if base else "normal")


def made(case, i, t):
    """nflows puts the scale of an affine map before its shift."""
    net = t.autoregressive_net
    rows = [2 * j + k for j in range(D) for k in (1, 0)] if net.final_layer.weight.shape[0] == 2 * D else None
    layers = [net.initial_layer] + [b.linear for b in net.blocks] + [net.final_layer]
    for k, layer in enumerate(layers):
        linear(case, f"{i}.net.{2 * k}", layer, rows=rows if k == len(layers) - 1 else None, masked=True)


torch.manual_seed(1)
zuko_flow("zuko maf", zuko.flows.MAF(D, transforms=3, hidden_features=HIDDEN), "autoregressive", "affine")
zuko_flow("zuko maf given", zuko.flows.MAF(D, C, transforms=2, hidden_features=HIDDEN), "autoregressive", "affine", C)
zuko_flow("zuko nsf", zuko.flows.NSF(D, bins=BINS, transforms=3, hidden_features=HIDDEN), "autoregressive", "spline")
zuko_flow("zuko realnvp given", zuko.flows.RealNVP(D, C, transforms=3, hidden_features=HIDDEN), "coupling", "affine", C)

zuko_flow("zuko nsf coupling given", zuko.flows.NICE(
    D, C, transforms=3, univariate=zuko.transforms.MonotonicRQSTransform, shapes=[(BINS,), (BINS,), (BINS - 1,)], hidden_features=HIDDEN),
    "coupling", "spline", C)

hidden = {"features": D, "hidden_features": HIDDEN[0], "num_blocks": 2, "use_residual_blocks": False}
nflows_flow("nflows maf", [nt.MaskedAffineAutoregressiveTransform(**hidden)],
            [{"kind": "autoregressive", "map": "softplus-affine", "hidden": [HIDDEN[0]] * 3}], made)
nflows_flow("nflows nsf autoregressive",
            [nt.MaskedPiecewiseRationalQuadraticAutoregressiveTransform(num_bins=BINS, tails="linear", tail_bound=3.0, **hidden)],
            [{"kind": "autoregressive", "map": "spline", "hidden": [HIDDEN[0]] * 3, "bins": BINS, "bound": 3, "least": 1e-3}], made)


def coupled(case, i, t):
    if isinstance(t, nt.LULinear) or isinstance(t, nt.QRLinear) or isinstance(t, nt.HouseholderSequence):
        for name, p in t.named_parameters():
            put(case, f"weights.{i}.{name}", p)
        return
    net = t.transform_net
    for k, layer in enumerate([net._input_layer, *net._hidden_layers, net._output_layer]):
        linear(case, f"{i}.net.{2 * k}", layer)


class Network(MLP):
    def forward(self, inputs, context=None):
        return super().forward(inputs)


half = torch.tensor([0, 0, 1, 1])
coupling = lambda: nt.PiecewiseRationalQuadraticCouplingTransform(
    mask=half, transform_net_create_fn=lambda i, o: Network([i], [o], HIDDEN), num_bins=BINS, tails="linear", tail_bound=4.0)
spline = {"kind": "coupling", "map": "spline", "hidden": HIDDEN, "bins": BINS, "bound": 4, "least": 1e-3}
nflows_flow("nflows nsf coupling", [nt.LULinear(D), coupling(), nt.QRLinear(D, 3), coupling(), nt.HouseholderSequence(D, 4)],
            [{"kind": "lu"}, spline, {"kind": "qr", "reflections": 3}, spline, {"kind": "householder", "reflections": 4}], coupled)



def normalized(case, i, t):
    if isinstance(t, nt.ActNorm):
        put(case, f"weights.{i}.log_scale", t.log_scale)
        put(case, f"weights.{i}.bias", t.shift)
        tensors[f"{case}.weights.{i}.initialized"] = torch.ones(1, dtype=torch.int64)
    elif isinstance(t, nt.BatchNorm):
        put(case, f"weights.{i}.log_gamma", t.weight.log())
        put(case, f"weights.{i}.beta", t.bias)
        put(case, f"weights.{i}.running_mean", t.running_mean)
        put(case, f"weights.{i}.running_var", t.running_var)
    elif isinstance(t, nt.ReversePermutation):
        tensors[f"{case}.weights.{i}.p"] = torch.arange(D - 1, -1, -1)
        tensors[f"{case}.weights.{i}.invp"] = torch.arange(D - 1, -1, -1)
    else:
        made(case, i, t)


act, batch = nt.ActNorm(D), nt.BatchNorm(D)
base = DiagonalNormal([D])
with torch.no_grad():
    for p in [act.log_scale, act.shift, batch.bias, batch.running_mean, base.mean_, base.log_std_]:
        p.copy_(torch.randn_like(p) * 0.3)
    batch.running_var.copy_(torch.rand(D) + 0.5)
masked = lambda: nt.MaskedAffineAutoregressiveTransform(**hidden)
affine = {"kind": "autoregressive", "map": "softplus-affine", "hidden": [HIDDEN[0]] * 3}
nflows_flow("nflows norms", [act, masked(), nt.ReversePermutation(D), batch, masked()],
            [{"kind": "act-norm"}, affine, {"kind": "reverse"}, {"kind": "batch-norm"}, affine], normalized, base)


def continuous(case, condition):
    """zuko's latent rows are at time 1, ours at time 0: t becomes 1 - t, the velocity its negative, sin(k·πt) becomes
    -(-1)^k·sin(k·πt) and cos(k·πt) becomes (-1)^k·cos(k·πt). zuko's frequencies are 1 to 4, ours 1, 2 and 4."""
    flow = zuko.flows.CNF(D, condition, freqs=4, hidden_features=HIDDEN, activation=torch.nn.SiLU, atol=1e-9, rtol=1e-8)
    layers = [m for m in flow.transform.ode if hasattr(m, "weight")]
    with torch.no_grad():
        layers[0].weight[:, [2, 6]] = 0
        layers[-1].weight.mul_(3)
    for k, layer in enumerate(layers):
        weight, bias = layer.weight, layer.bias
        if k == 0:
            mine = torch.zeros(len(weight), 8)
            for j, frequency in enumerate([1, 2, 4]):
                sign = (-1) ** frequency
                mine[:, 1 + 2 * j], mine[:, 2 + 2 * j] = -sign * weight[:, 3 + frequency], sign * weight[:, frequency - 1]
            x = weight[:, 8:]
            weight = torch.cat([mine, x[:, D:], x[:, :D]], 1)
        if k == len(layers) - 1:
            weight, bias = -weight, -bias
        put(case, f"weights.0.{2 * k}.weight", weight)
        put(case, f"weights.0.{2 * k}.bias", bias)
    flow = flow.double().eval()
    given = lambda c: flow(c.double()) if condition else flow()
    finish(case, [{"kind": "continuous", "hidden": HIDDEN}], lambda x, c: given(c).log_prob(x.double()),
           lambda z, c: given(c).transform.inv(z.double()), condition)


continuous("zuko cnf", 0)
continuous("zuko cnf given", C)


def mixture(case, parts=3):
    base = zuko.mixtures.GMM(D, components=parts, covariance_type="diagonal", epsilon=0)
    with torch.no_grad():
        base.phi[1].mul_(2)
        base.phi[2].mul_(0.3)
    maf = zuko.flows.MAF(D, transforms=1, hidden_features=HIDDEN)
    zuko_flow(case, zuko.lazy.Flow(maf.transform.transforms, base), "autoregressive", "affine")
    put(case, "weights.base.logits", base.phi[0])
    put(case, "weights.base.mean", base.phi[1])
    put(case, "weights.base.log_std", base.phi[2])
    specs[case]["base"] = {"kind": "mixture", "parts": parts}


mixture("zuko mixture")

save_file(tensors, os.path.join(os.path.dirname(__file__), "peers.safetensors"), {k: json.dumps(v) for k, v in specs.items()})
