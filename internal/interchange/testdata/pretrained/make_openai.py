"""Writes encoder.pkl, decoder.pkl, dalle_openai.pt and dalle_openai_check.safetensors: OpenAI's discrete VAE of small sizes,
as dall_e saves it, and a DALL-E of DALLE-pytorch 1.6.6 on its codes, as train_dalle.py saves it. See reference.py."""
import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from reference import DALLE, Decoder, Encoder, openai_vae, picture

here = Path(__file__).parent
with safe_open(here / "../../../../openaivae/testdata/openaivae.safetensors", "pt") as f:
    c = json.loads(f.metadata()["config"])
    weights = {k: f.get_tensor(k) for k in f.keys() if k.startswith("weight.")}
enc = Encoder(n_hid=c["hidden"], n_blk_per_group=c["blocks"], vocab_size=c["codes"])
dec = Decoder(n_init=c["init"], n_hid=c["hidden"], n_blk_per_group=c["blocks"], vocab_size=c["codes"])
for prefix, m in [("weight.enc.", enc), ("weight.dec.", dec)]:
    m.load_state_dict({k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)})
torch.save(enc, here / "encoder.pkl")
torch.save(dec, here / "decoder.pkl")

vae = openai_vae(here / "encoder.pkl", here / "decoder.pkl", c["codes"])
torch.manual_seed(2)
hparams = dict(num_text_tokens=11, text_seq_len=4, dim=16, depth=1, heads=1, dim_head=16, reversible=False, loss_img_weight=7,
               attn_types=("full",), ff_dropout=0.0, attn_dropout=0.0, stable=False, shift_tokens=True, rotary_emb=True)
dalle = DALLE(vae=vae, **hparams).eval()
text = torch.tensor([[3, 5, 1, 0]])
image = picture(256)
with torch.no_grad():
    codes = vae.get_codebook_indices(image)
    loss = dalle(text, codes, return_loss=True)
    decoded = vae.decode(codes)
torch.save({"hparams": hparams, "vae_params": None, "epoch": 3, "version": "1.6.6", "vae_class_name": "OpenAIDiscreteVAE",
            "weights": dalle.state_dict()}, here / "dalle_openai.pt")
save_file({"text": text, "codes": codes, "loss": loss.reshape(1), "decoded": decoded[:, :, ::32, ::32].contiguous()},
          here / "dalle_openai_check.safetensors")
