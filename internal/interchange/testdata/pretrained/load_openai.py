"""Loads exported files of OpenAI's VAE with dall_e and DALLE-pytorch 1.6.6, strictly, and compares what they compute.

    python load_openai.py FOLDER

FOLDER has x.encoder.pkl, x.decoder.pkl, x.pt (OpenAIDiscreteVAE) and dalle.pt, which TestOpenAIInPyTorch writes."""
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from reference import DALLE, openai_vae, picture

here, folder = Path(__file__).parent, Path(sys.argv[1])
check = load_file(here / "dalle_openai_check.safetensors")
codes = check["codes"]
vae = openai_vae(folder / "x.encoder.pkl", folder / "x.decoder.pkl", 12)
assert (vae.get_codebook_indices(picture(256)) == codes).all(), "codes differ"
assert torch.allclose(vae.decode(codes)[:, :, ::32, ::32], check["decoded"], atol=1e-5), "pictures differ"
state = torch.load(folder / "x.pt", weights_only=True)
vae.load_state_dict({k: v for k, v in state.items()}, strict=True)
saved = torch.load(folder / "dalle.pt", weights_only=True)
assert saved["vae_class_name"] == "OpenAIDiscreteVAE" and saved["vae_params"] is None
dalle = DALLE(vae=vae, **saved["hparams"]).eval()
dalle.load_state_dict(saved["weights"], strict=True)
loss = dalle(check["text"], codes, return_loss=True)
assert torch.allclose(loss, check["loss"], rtol=1e-5), (loss, check["loss"])
print("OpenAI's VAE and a DALL-E on its codes load and agree")
