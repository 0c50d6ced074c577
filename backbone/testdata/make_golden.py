"""Outputs and gradients of backbones with random weights, computed by the Python code that published them.

    python backbone/testdata/make_golden.py                     writes NAME.safetensors for the architectures that are stored
    python backbone/testdata/make_golden.py FOLDER NAME ...     writes those of these architectures into a folder

The test makes the weights and the pictures itself, by the same generator. Needs torch, torchvision, timm, safetensors
and efficientnet-lite-pytorch.
"""
import os
import sys

import numpy as np
import torch
from safetensors.torch import save_file

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../internal/golden"))
from computed import numbers  # noqa: E402


def initialise(net, gain):
    state = net.state_dict()
    for name, t in state.items():
        if t.dtype != torch.float32:
            continue
        v = torch.from_numpy(numbers(name, t.numel())).reshape(t.shape)
        if t.dim() > 1:
            v = v * float(np.float32(np.sqrt(gain / t[0].numel())))
        elif name.endswith("running_var") or name.endswith("weight"):
            v = 1 + 0.5 * v
        else:
            v = 0.1 * v
        state[name] = v
    net.load_state_dict(state)
    return net.eval()


def golden(path, net, features, size, mean, deviation, gain):
    """features(net, x) returns those at strides 4, 8, 16 and 32, the pooled ones, and the logits. In float64, no rounding error
    puts a number on the other side of a ReLU's kink, where the gradient differs."""
    net = initialise(net, gain).double()
    x = torch.from_numpy(numbers("pictures", 2 * size * size * 3)).reshape(2, size, size, 3).double().requires_grad_()
    mean, deviation = torch.tensor(mean).double(), torch.tensor(deviation).double()
    stages, pooled, logits = features(net, (((x + 1) / 2 - mean) / deviation).permute(0, 3, 1, 2))
    sum(s.square().mean() for s in stages).backward()
    out = {f"stride{4 * 2**i}": s.detach().permute(0, 2, 3, 1).contiguous() for i, s in enumerate(stages)}
    out |= {"pooled": pooled.detach().contiguous(), "logits": logits.detach().contiguous(), "gradient": x.grad.contiguous()}
    save_file({key: some(v.float()) for key, v in out.items()}, path)


def some(v):
    """Some of the numbers, at odd distances, so that all channels are among them."""
    return v.flatten()[:: v.numel() // 1024 | 1].contiguous()


def efficientnet(net, x):
    x = net._swish(net._bn0(net._conv_stem(x)))
    stages = []
    for i, block in enumerate(net._blocks):
        x = block(x)
        if i in (2, 4, 10, 15):
            stages.append(x)
    pooled = net._avg_pooling(net._swish(net._bn1(net._conv_head(x)))).flatten(1)
    return stages, pooled, net._fc(pooled)


def sequence(*ends):
    """features of a network of torchvision whose layers up to the head are a sequence, and whose stages end at those places."""

    def features(net, x):
        stages = []
        for i, layer in enumerate(net.features):
            x = layer(x)
            if i in ends:
                stages.append(x)
        pooled = x.mean((2, 3))
        return stages, pooled, net.classifier(pooled)

    return features


def mobilenet_v1(net, x):
    x = net.bn1(net.conv_stem(x))
    stages = []
    for i, block in enumerate(net.blocks):
        x = block(x)
        if i > 0:
            stages.append(x)
    pooled = net.global_pool(x)
    return stages, pooled, net.classifier(pooled)


def resnet(net, x):
    """of torchvision, and of timm's legacy_se* and ResNeXt"""
    if hasattr(net, "conv1"):
        x = net.maxpool((net.relu if hasattr(net, "relu") else net.act1)(net.bn1(net.conv1(x))))
    else:
        x = net.pool0(net.layer0(x))
    stages = []
    for layer in (net.layer1, net.layer2, net.layer3, net.layer4):
        x = layer(x)
        stages.append(x)
    pooled = x.mean((2, 3))
    return stages, pooled, (net.fc if hasattr(net, "fc") else net.last_linear)(pooled)


def vgg(net, x):
    stages = []
    for i, layer in enumerate(net.features):
        x = layer(x)
        if i in (8, 15, 22, 29):  # before pooling
            stages.append(x)
    x = net.avgpool(x).flatten(1)
    pooled = net.classifier[:5](x)
    return stages, pooled, net.classifier[5:](pooled)


def networks():
    """For each architecture: what builds it, its features, the normalization of its pictures, and the gain of its weights. With a
    gain of 6 the deepest networks amplify rounding errors without bound."""
    import timm
    from torchvision.models import get_model

    lite, half = ([127 / 255] * 3, [128 / 255] * 3), ([0.5] * 3, [0.5] * 3)
    imagenet = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]

    def efficientnet_lite0():
        from efficientnet_lite_pytorch import EfficientNet

        return EfficientNet.from_name("efficientnet-lite0")

    all = {
        "efficientnet-lite0": (efficientnet_lite0, efficientnet, lite, 6),
        "mobilenet_v1": (lambda: timm.create_model("mobilenetv1_100"), mobilenet_v1, half, 6),
        "mobilenet_v2": (lambda: get_model("mobilenet_v2", weights=None), sequence(3, 6, 13, 17), imagenet, 6),
    }
    all["vgg16"] = lambda: get_model("vgg16", weights=None), vgg, imagenet, 6
    for name in ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d"]:
        all[name] = lambda name=name: get_model(name, weights=None), resnet, imagenet, 3
    all["resnext101_32x4d"] = lambda: timm.create_model("resnext101_32x4d"), resnet, imagenet, 3
    for name in ["seresnet18", "seresnet34", "seresnet50", "seresnet101", "seresnet152", "seresnext50_32x4d", "seresnext101_32x4d", "senet154"]:
        legacy = "legacy_" + name
        all[name] = lambda legacy=legacy: timm.create_model(legacy), resnet, imagenet, 3
    for i in range(8):
        name = f"efficientnet_b{i}"
        all[name] = lambda name=name: get_model(name, weights=None), sequence(2, 3, 5, 7), imagenet, 6 if i < 5 else 5
    return all


# Those in the repository; the others are large, or differ from these in numbers only.
STORED = ["vgg16", "resnet18", "resnext50_32x4d", "seresnet18", "seresnet50"]
STORED += ["efficientnet-lite0", "mobilenet_v1", "mobilenet_v2", "efficientnet_b0", "efficientnet_b5"]


def main():
    folder, *names = sys.argv[1:] or [os.path.dirname(__file__), *STORED]
    for name in names:
        build, features, normalization, gain = networks()[name]
        golden(os.path.join(folder, name + ".safetensors"), build(), features, 32, *normalization, gain)


main()
