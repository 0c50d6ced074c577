"""Writes openaivae.safetensors: OpenAI's discrete VAE (the package DALL-E 0.1) of small sizes with random weights.

It is computed as DALLE-pytorch 1.6.6's OpenAIDiscreteVAE does. Needs torch, safetensors, attrs and DALL-E:

    python make_golden.py [--real FILE]

--real writes a file of the published sizes instead, for the test that BESTIARY_OPENAI_GOLDEN names it to.
"""
import argparse
from pathlib import Path

import attr
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from dall_e import Decoder, Encoder, map_pixels, unmap_pixels


def golden(path, size, codes, hidden, init, blocks, pictures):
    torch.manual_seed(1)
    attr.validators.set_disabled(True)  # they refuse small sizes
    enc = Encoder(n_hid=hidden, n_blk_per_group=blocks, vocab_size=codes)
    dec = Decoder(n_init=init, n_hid=hidden, n_blk_per_group=blocks, vocab_size=codes)
    for p in [*enc.parameters(), *dec.parameters()]:
        if p.dim() == 1:
            p.data.normal_(std=0.3)
    image = torch.rand(pictures, 3, size, size)
    with torch.no_grad():
        logits = enc(map_pixels(image))
        indices = logits.argmax(dim=1)
        z = F.one_hot(indices, num_classes=codes).permute(0, 3, 1, 2).float()
        stats = dec(z)
        decoded = unmap_pixels(torch.sigmoid(stats[:, :3]))
    tensors = {"image": image, "codes": indices.flatten(1), "decoded": decoded}
    if pictures > 1:
        tensors.update(logits=logits, stats=stats)
    for prefix, m in [("weight.enc.", enc), ("weight.dec.", dec)]:
        tensors.update({prefix + k: v for k, v in m.state_dict().items()})
    config = '{"image_size": %d, "codes": %d, "hidden": %d, "init": %d, "blocks": %d}' % (size, codes, hidden, init, blocks)
    save_file({k: v.contiguous() for k, v in tensors.items()}, path, {"config": config})


p = argparse.ArgumentParser()
p.add_argument("--real")
a = p.parse_args()
if a.real:
    golden(a.real, 256, 8192, 256, 128, 2, 1)
else:
    golden(Path(__file__).parent / "openaivae.safetensors", 16, 12, 4, 6, 2, 2)
