"""The reference code of pretrained codes: dall_e, taming-transformers and DALLE-pytorch, made to run without their downloads.

Needs torch, safetensors, DALL-E 0.1 (attrs), taming-transformers-rom1504 0.0.6 and dalle-pytorch 1.6.6 (omegaconf, requests).
PyTorch Lightning is not needed: taming's models only inherit from its LightningModule.
"""
import sys
import types

import attr
import torch


class Anything(types.ModuleType):
    """A module whose attributes are classes of any name."""
    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__init__": lambda self, *args, **kwargs: None})


class LightningModule(torch.nn.Module):
    pass


for name in ("pytorch_lightning", "pytorch_lightning.trainer", "pytorch_lightning.callbacks", "pytorch_lightning.utilities",
             "pytorch_lightning.utilities.distributed"):
    sys.modules.setdefault(name, Anything(name))
sys.modules["pytorch_lightning"].LightningModule = LightningModule
if "pkg_resources" not in sys.modules:
    sys.modules["pkg_resources"] = Anything("pkg_resources")

attr.validators.set_disabled(True)  # dall_e refuses small sizes

import dalle_pytorch.vae as vae_module  # noqa: E402
from dalle_pytorch import DALLE, OpenAIDiscreteVAE, VQGanVAE  # noqa: E402
from dall_e import Decoder, Encoder  # noqa: E402

vae_module.get_pkg_version = lambda name: "1.10.0"  # OpenAIDiscreteVAE refuses newer ones
torch_load = torch.load
torch.load = lambda *args, **kwargs: torch_load(*args, **{"weights_only": False, **kwargs})


def openai_vae(encoder, decoder, codes):
    """OpenAIDiscreteVAE of two files, with another number of codes than 8192."""
    vae_module.download = lambda url: encoder if "encoder" in url else decoder
    vae = OpenAIDiscreteVAE()
    vae.num_tokens = codes
    return vae.eval()


def vqgan_vae(checkpoint, config):
    return VQGanVAE(str(checkpoint), str(config)).eval()


def picture(size):
    """A picture [1, 3, size, size] in [0, 1] that the tests compute, too."""
    y, x, c = torch.meshgrid(torch.arange(size), torch.arange(size), torch.arange(3), indexing="ij")
    v = 0.5 + 0.5 * torch.sin(0.05 * x * (c + 1) + 0.03 * y)
    return v.permute(2, 0, 1)[None].contiguous()
