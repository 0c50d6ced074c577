"""Loads exported VQGANs with DALLE-pytorch 1.6.6 and taming-transformers, strictly, and compares what they compute.

    python load_vqgan.py FOLDER

FOLDER has vqgan.ckpt and gumbel.ckpt with their .yaml, and dalle.pt with dalle.vqgan.ckpt and dalle.vqgan.yaml, which
TestVQGANInPyTorch writes."""
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from reference import DALLE, picture, vqgan_vae

here, folder = Path(__file__).parent, Path(sys.argv[1])


def load(name):
    vae = vqgan_vae(folder / f"{name}.ckpt", folder / f"{name}.yaml")
    vae.model.load_state_dict(torch.load(folder / f"{name}.ckpt", weights_only=True)["state_dict"], strict=True)
    return vae


check = load_file(here / "gumbel_check.safetensors")
gumbel = load("gumbel")
assert torch.allclose(gumbel.decode(check["codes"]), check["decoded"], atol=1e-5), "pictures differ"

check = load_file(here / "dalle_vqgan_check.safetensors")
for name in ("vqgan", "dalle.vqgan"):
    vae = load(name)
    assert (vae.get_codebook_indices(picture(256)) == check["codes"]).all(), "codes differ"
    assert torch.allclose(vae.decode(check["codes"])[:, :, ::32, ::32], check["decoded"], atol=1e-5), "pictures differ"
saved = torch.load(folder / "dalle.pt", weights_only=True)
assert saved["vae_class_name"] == "VQGanVAE" and saved["vae_params"] is None
dalle = DALLE(vae=vae, **saved["hparams"]).eval()
dalle.load_state_dict(saved["weights"], strict=True)
loss = dalle(check["text"], check["codes"], return_loss=True)
assert torch.allclose(loss, check["loss"], rtol=1e-5), (loss, check["loss"])
print("VQGANs and a DALL-E on their codes load and agree")
