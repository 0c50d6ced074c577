"""Writes the golden values of vqgan: encoder, decoder and discriminator of taming-transformers with small random weights.

    python make_golden.py    # needs taming-transformers, torch, safetensors
"""
import json
import numpy as np
import torch
from safetensors.torch import save_file
from taming.modules.diffusionmodules import model
from taming.modules.diffusionmodules.model import Encoder, Decoder
from taming.modules.discriminator.model import NLayerDiscriminator, weights_init
from taming.modules.losses.lpips import LPIPS
from taming.modules.losses.vqperceptual import hinge_d_loss

GROUPS = 2  # 32 in taming-transformers, which makes files of megabytes
model.Normalize = lambda channels: torch.nn.GroupNorm(GROUPS, channels, eps=1e-6, affine=True)


def randomise(module):
    """Makes weights that leave no term small: norms away from 1 and 0, convolutions of their default size."""
    for name, p in module.named_parameters():
        if p.dim() == 1:
            p.data = torch.randn_like(p) * 0.2 + (1.0 if "norm" in name and name.endswith("weight") else 0.0)


def gradients(tensors, module, prefix=""):
    for name, p in module.named_parameters():
        tensors["weight." + prefix + name] = p.detach().clone().contiguous()
        tensors["grad." + prefix + name] = p.grad.detach().clone().contiguous()


def autoencoder(path, seed, size, n, double_z, **config):
    torch.manual_seed(seed)
    z, embed = config["z_channels"], 3
    encoder = Encoder(resolution=size, in_channels=3, out_ch=3, double_z=double_z, **config)
    decoder = Decoder(resolution=size, in_channels=3, out_ch=3, **config)
    times = 2 if double_z else 1
    quant_conv = torch.nn.Conv2d(times * z, times * embed, 1)
    post_quant_conv = torch.nn.Conv2d(embed, z, 1)
    parts = {"encoder.": encoder, "quant_conv.": quant_conv, "post_quant_conv.": post_quant_conv, "decoder.": decoder}
    for m in parts.values():
        randomise(m)
    x = torch.rand(n, 3, size, size) * 2 - 1
    moments = quant_conv(encoder(x))
    t = {"x": x, "moments": moments.detach().clone()}
    if double_z:  # LDM's DiagonalGaussianDistribution
        mean, logvar = moments.chunk(2, dim=1)
        logvar = logvar.clamp(-30, 20)
        noise = torch.randn_like(mean)
        latent = mean + torch.exp(0.5 * logvar) * noise
        kl = 0.5 * (mean ** 2 + logvar.exp() - 1 - logvar).mean()
        t["noise"], t["kl"] = noise, kl.detach().reshape(1)
    else:
        latent, kl = moments, 0
    made = decoder(post_quant_conv(latent))
    loss = (made - x).abs().mean() + 0.1 * kl
    loss.backward()
    t["made"], t["loss"] = made.detach().clone(), loss.detach().reshape(1)
    for prefix, m in parts.items():
        gradients(t, m, prefix)
    meta = dict(config, size=size, double_z=double_z, embed=embed, groups=GROUPS)
    save_file({k: v.contiguous() for k, v in t.items()}, path, {"hparams": json.dumps(meta)})


def discriminator(path):
    torch.manual_seed(7)
    net = NLayerDiscriminator(input_nc=3, ndf=4, n_layers=2).apply(weights_init)
    t = {}
    for name, p in net.named_parameters():  # far from the initial values, so that no gradient is tiny
        p.data = torch.randn_like(p) * 0.3 + (1.0 if p.dim() == 1 and name.endswith("weight") else 0.0)
    for name, b in net.named_buffers():
        t["weight." + name] = b.detach().clone()
    real, fake = torch.rand(2, 3, 16, 16) * 2 - 1, torch.rand(2, 3, 16, 16) * 2 - 1
    logits_real, logits_fake = net(real), net(fake)
    loss = hinge_d_loss(logits_real, logits_fake)
    loss.backward()
    t.update(real=real, fake=fake, logits_real=logits_real.detach().clone(), logits_fake=logits_fake.detach().clone(), loss=loss.detach().reshape(1))
    gradients(t, net)
    for name, b in net.named_buffers():
        t["after." + name] = b.detach().clone()
    save_file({k: v.contiguous() for k, v in t.items()}, path)


def waves(shape, i):
    """Numbers from a formula, which the test computes too: the weights of VGG16 are too many for a file."""
    n = np.prod(shape, dtype=int)
    return torch.from_numpy(np.sin(np.arange(n) * (0.7 + 0.01 * i) + i).astype(np.float32).reshape(shape))


def lpips(path):
    from torchvision import models
    models.vgg16 = lambda pretrained, real=models.vgg16: real(weights=None)
    LPIPS.load_from_pretrained = lambda self: None
    net, t = LPIPS().eval(), {}
    for i, (name, p) in enumerate(net.named_parameters()):
        w = waves(p.shape, i)
        if name.startswith("lin"):
            w = w.abs()
        elif p.dim() == 4:
            w = w * 2 / (p.shape[1] * 9) ** 0.5
        else:
            w = w * 0.1
        p.data = w
    net = net.double()  # in float32, activations near 0 change the gradient by thousandths
    x, y = waves((2, 3, 16, 16), 100).double().requires_grad_(), waves((2, 3, 16, 16), 101).double()
    distance = net(x, y).mean()
    distance.backward()
    save_file({"distance": distance.detach().float().reshape(1), "gradient": x.grad.float()}, path)


if __name__ == "__main__":
    lpips("lpips.safetensors")
    autoencoder("kl.safetensors", 1, 8, 1, True, ch=6, ch_mult=(1, 2), num_res_blocks=1, attn_resolutions=[], z_channels=2)
    autoencoder("vq.safetensors", 2, 8, 1, False, ch=4, ch_mult=(1, 2, 2), num_res_blocks=2, attn_resolutions=[4], z_channels=4)
    discriminator("discriminator.safetensors")
