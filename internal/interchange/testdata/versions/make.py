"""Writes small checkpoints, as a version of DALLE-pytorch makes them, with the logits that the version answers.

    PYTHONPATH=einops,axial-positional-embedding,… python3 make.py WHEEL VERSION ATTN_TYPES REVERSIBLE [DIM]

WHEEL is the folder in which the version's wheel is unpacked.
"""
import sys
import types

wheel, version, attn_types, reversible = sys.argv[1:5]
dim = int((sys.argv[5:] or ["8"])[0])
sys.path.insert(0, wheel)


class Absent(types.ModuleType):
    """Stands for a module that is imported but that a DALL-E with a DiscreteVAE doesn't use."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


for name in """requests PIL yaml tqdm packaging packaging.version omegaconf taming taming.models taming.models.vqgan
        torchvision youtokentome tokenizers tokenizers.processors transformers ftfy regex pkg_resources g_mlp_pytorch dall_e
        dalle_pytorch.tokenizer dalle_pytorch.loader""".split():
    sys.modules[name] = Absent(name)
sys.modules["packaging"].version = types.SimpleNamespace(parse=lambda text: [int(n) for n in text.split("+")[0].split(".")[:2]])
sys.modules["pkg_resources"].get_distribution = lambda name: types.SimpleNamespace(version=version)

import torch
from dalle_pytorch.dalle_pytorch import DALLE, DiscreteVAE

torch.manual_seed(5)
attn_types = tuple(attn_types.split("+"))
vae_params = dict(image_size=8, num_layers=1, num_tokens=9, codebook_dim=4, hidden_dim=2, num_resnet_blocks=0)
hparams = dict(num_text_tokens=10, text_seq_len=5, dim=dim, depth=len(attn_types), heads=2, dim_head=6,
               reversible=reversible == "reversible", attn_types=attn_types)
dalle = DALLE(vae=DiscreteVAE(**vae_params), **hparams).eval()
with torch.no_grad():
    for name, p in dalle.named_parameters():
        if "scale" in name or "norm" in name:
            p.add_(torch.randn_like(p) * 0.2)
        elif name.startswith("transformer"):
            p.mul_(2)
    text = torch.tensor([[1, 2, 3, 4, 5], [9, 8, 7, 0, 0], [6, 6, 0, 0, 0]])
    image = torch.randint(0, 9, (3, 16))
    logits = dalle(text, image)
checkpoint = dict(hparams=hparams, vae_params=vae_params, weights=dalle.state_dict(), text=text, image=image, logits=logits)
if version >= "1.":
    checkpoint["version"] = version
torch.save(checkpoint, f"{version}-{'-'.join(attn_types)}-{reversible}{'' if dim == 8 else f'-dim{dim}'}.pt")
