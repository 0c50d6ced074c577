"""Features of pytorch-fid's InceptionV3 with random weights.

    python inception/testdata/make_golden.py                  writes inception.safetensors: features of networks whose numbers of
                                                              channels are divided by 16. The test makes their weights and the
                                                              pictures itself, by the same generator.
    python inception/testdata/make_golden.py full FOLDER      writes files of weights of full size, in the layouts of pytorch-fid
                                                              and torchvision, and the features of two pictures in features.safetensors
"""
import os
import sys

import numpy as np
import torch
import torchvision
from pytorch_fid import inception as fid
from safetensors.torch import save_file
from torch.nn import functional as F

DIVISOR = 16
basic_init = torchvision.models.inception.BasicConv2d.__init__


def numbers(name, n):
    """n numbers in [-1, 1) from a linear congruential generator that starts at the FNV-1a hash of a name."""
    state = 14695981039346656037
    for byte in name.encode():
        state = (state ^ byte) * 1099511628211 % 2**64
    out = np.empty(n, np.float32)
    for i in range(n):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out[i] = np.float32((state >> 40) / 2**23 - 1)
    return out


def pictures(n, size):
    return ((numbers("pictures", n * size * size * 3) + 1) * 127.9).astype(np.uint8).reshape(n, size, size, 3)


def build(torchvision_variant, divisor):
    def init(self, a, b, **kw):
        basic_init(self, a if a == 3 else a // divisor, b // divisor, **kw)

    torchvision.models.inception.BasicConv2d.__init__ = init
    net = torchvision.models.inception_v3(num_classes=1000 if torchvision_variant else 1008, aux_logits=False, weights=None, init_weights=False)
    if not torchvision_variant:
        net.Mixed_5b = fid.FIDInceptionA(192, pool_features=32)
        net.Mixed_5c = fid.FIDInceptionA(256, pool_features=64)
        net.Mixed_5d = fid.FIDInceptionA(288, pool_features=64)
        net.Mixed_6b = fid.FIDInceptionC(768, channels_7x7=128)
        net.Mixed_6c = fid.FIDInceptionC(768, channels_7x7=160)
        net.Mixed_6d = fid.FIDInceptionC(768, channels_7x7=160)
        net.Mixed_6e = fid.FIDInceptionC(768, channels_7x7=192)
        net.Mixed_7b = fid.FIDInceptionE_1(1280)
        net.Mixed_7c = fid.FIDInceptionE_2(2048)
    torchvision.models.inception.BasicConv2d.__init__ = basic_init
    return net.eval()


def initialise(net, random):
    state = net.state_dict()
    for name, t in state.items():
        if t.dtype != torch.float32 or name.startswith("fc."):
            continue
        v = torch.from_numpy(random(name, t.numel())).reshape(t.shape)
        if name.endswith("conv.weight"):
            v = v * float(np.float32(np.sqrt(6 / (t.shape[1] * t.shape[2] * t.shape[3]))))
        elif name.endswith("bn.weight") or name.endswith("running_var"):
            v = 1 + 0.5 * v
        else:
            v = 0.1 * v
        state[name] = v
    net.load_state_dict(state)
    return net


def features(net, images):
    """pytorch-fid's InceptionV3 around a network that is given instead of downloaded."""
    fid.fid_inception_v3 = lambda: net
    model = fid.InceptionV3([3]).eval()
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        return model(x)[0].reshape(len(images), -1)


if len(sys.argv) > 2:
    rng = np.random.default_rng(1)
    out = {}
    for name, variant in (("fid", False), ("torchvision", True)):
        net = initialise(build(variant, 1), lambda _, n: (rng.random(n, np.float32) * 2 - 1))
        torch.save(net.state_dict(), os.path.join(sys.argv[2], name + ".pth"))
        out[name] = features(net, pictures(2, 48)).contiguous()
    save_file(out, os.path.join(sys.argv[2], "features.safetensors"))
else:
    out = {}
    for name, variant in (("fid", False), ("torchvision", True)):
        net = initialise(build(variant, DIVISOR), numbers)
        out[name] = features(net, pictures(2, 48)).contiguous()
    x = torch.from_numpy(pictures(2, 48)).permute(0, 3, 1, 2).float() / 255
    x = 2 * F.interpolate(x, size=(299, 299), mode="bilinear", align_corners=False) - 1
    out["row"] = x[1, :, 150].permute(1, 0).contiguous()  # row 150 of the resized second picture
    save_file(out, os.path.join(os.path.dirname(__file__), "inception.safetensors"))
