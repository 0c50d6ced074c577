"""Writes vqgan.ckpt and gumbel.ckpt with their .yaml, as taming-transformers saves them, and dalle_vqgan.pt, a DALL-E of
DALLE-pytorch 1.6.6 on the codes of the first, as train_dalle.py saves it. *_check.safetensors have what they compute. See
reference.py.

To keep the files small, the weights are overlapping views of one random storage. With --real FOLDER, it writes instead
models of the published sizes with random weights to that folder, for the test that BESTIARY_VQGAN_GOLDEN names it to:
f16 with 1024 codes of ImageNet, and f8 with 8192 Gumbel codes.
"""
import argparse
import sys
import types
from pathlib import Path

import torch
import yaml
from safetensors.torch import save_file

from reference import DALLE, picture, vqgan_vae

here = Path(__file__).parent
lightning = types.ModuleType("pytorch_lightning.callbacks.model_checkpoint")
lightning.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": lightning.__name__})
sys.modules[lightning.__name__] = lightning


def views(model, seed):
    """The state_dict of a model with other weights: views of one storage, and norms around 1."""
    g = torch.Generator().manual_seed(seed)
    base = 0.08 * torch.randn(50_000, generator=g)
    gain = 1 + 0.2 * torch.randn(1_000, generator=g)
    state = {}
    for name, p in model.state_dict().items():
        of = gain if "norm" in name and name.endswith("weight") else base
        at = int(torch.randint(of.numel() - p.numel() + 1, (), generator=g))
        state[name] = of[at:at + p.numel()].view(p.shape)
    return state


def config(target, resolution, ch_mult, attention, z, embed, codes, more=None):
    return {"model": {"base_learning_rate": 4.5e-6, "target": target, "params": {
        "embed_dim": embed, "n_embed": codes, **(more or {}),
        "ddconfig": {"double_z": False, "z_channels": z, "resolution": resolution, "in_channels": 3, "out_ch": 3, "ch": 32,
                     "ch_mult": ch_mult, "num_res_blocks": 1, "attn_resolutions": attention, "dropout": 0.0},
        "lossconfig": {"target": "taming.modules.losses.vqperceptual.DummyLoss"}}}}


def checkpoint(name, cfg, seed):
    (here / f"{name}.yaml").write_text(yaml.safe_dump(cfg))
    torch.save({"state_dict": {}}, here / f"{name}.ckpt")
    vae = vqgan_vae(here / f"{name}.ckpt", here / f"{name}.yaml")
    state = views(vae.model, seed)
    for key, table in (("quantize.embedding.weight", 40), ("quantize.embed.weight", 3)):
        if key in state:  # as far apart as the latents
            state[key] = torch.randn(state[key].shape, generator=torch.Generator().manual_seed(seed)) * 0.5
    loss = {"loss.discriminator.main.0.weight": torch.zeros(2, 3, 4, 4), "loss.perceptual_loss.lin0.model.1.weight": torch.zeros(1, 4, 1, 1)}
    torch.save({
        "epoch": 2, "global_step": 10, "pytorch-lightning_version": "1.0.8", "state_dict": {**state, **loss},
        "callbacks": {lightning.ModelCheckpoint: {"best_model_score": torch.tensor(0.5), "best_model_path": "x.ckpt"}},
        "optimizer_states": [{"state": {0: {"step": 10, "exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 4.5e-6, "params": [0]}]}],
        "lr_schedulers": [], "hyper_parameters": {"n_embed": cfg["model"]["params"]["n_embed"]},
    }, here / f"{name}.ckpt")
    return vqgan_vae(here / f"{name}.ckpt", here / f"{name}.yaml"), state


def real(folder):
    """The sizes of vqgan_imagenet_f16_1024 and vqgan_gumbel_f8."""
    scheduler = {"target": "taming.lr_scheduler.LambdaWarmUpCosineScheduler", "params": {
        "warm_up_steps": 0, "lr_min": 0.9, "lr_max": 1.0, "lr_start": 1.0, "max_decay_steps": 9}}
    for name, cfg in [("f16", config("taming.models.vqgan.VQModel", 256, [1, 1, 2, 2, 4], [16], 256, 256, 1024)),
                      ("f8", config("taming.models.vqgan.GumbelVQ", 256, [1, 1, 2, 4], [32], 256, 256, 8192,
                                    {"kl_weight": 1e-8, "temperature_scheduler_config": scheduler}))]:
        cfg["model"]["params"]["ddconfig"].update(ch=128, num_res_blocks=2)
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(cfg))
        torch.save({"state_dict": {}}, folder / f"{name}.ckpt")
        torch.manual_seed(6)
        vae = vqgan_vae(folder / f"{name}.ckpt", folder / f"{name}.yaml")
        if not vae.is_gumbel:
            vae.model.quantize.embedding.weight.data.normal_(std=0.3)  # as far apart as the latents
        torch.save({"state_dict": vae.model.state_dict()}, folder / f"{name}.ckpt")
        with torch.no_grad():
            if vae.is_gumbel:
                codes = vae.model.quantize.proj(vae.model.encode_to_prequant(2 * picture(256) - 1)).argmax(1).flatten(1)
            else:
                codes = vae.get_codebook_indices(picture(256))
            decoded = vae.decode(codes)
        print(name, "codes in use:", codes.unique().numel(), "pictures:", decoded.min().item(), decoded.max().item(), decoded.std().item())
        save_file({"codes": codes, "decoded": decoded.contiguous()}, folder / f"{name}_check.safetensors")


p = argparse.ArgumentParser()
p.add_argument("--real")
a = p.parse_args()
if a.real:
    real(Path(a.real))
    sys.exit()

vae, state = checkpoint("vqgan", config("taming.models.vqgan.VQModel", 256, [1, 1, 1, 1, 1], [16], 8, 3, 12), 4)
image = picture(256)
torch.manual_seed(2)
hparams = dict(num_text_tokens=11, text_seq_len=4, dim=16, depth=1, heads=1, dim_head=16, reversible=False, loss_img_weight=7,
               attn_types=("full",), ff_dropout=0.0, attn_dropout=0.0, stable=False, shift_tokens=True, rotary_emb=True)
dalle = DALLE(vae=vae, **hparams).eval()
text = torch.tensor([[3, 5, 1, 0]])
with torch.no_grad():
    codes = vae.get_codebook_indices(image)
    decoded = vae.decode(codes)
    loss = dalle(text, codes, return_loss=True)
print("codes in use:", codes.unique().tolist(), "pictures:", decoded.min().item(), decoded.max().item(), decoded.std().item())
weights = {k: state.get(k.removeprefix("vae.model."), v) if k.startswith("vae.model.") else v for k, v in dalle.state_dict().items()}
torch.save({"hparams": hparams, "vae_params": None, "epoch": 3, "version": "1.6.6", "vae_class_name": "VQGanVAE", "weights": weights},
           here / "dalle_vqgan.pt")
save_file({"text": text, "codes": codes, "loss": loss.reshape(1), "decoded": decoded[:, :, ::32, ::32].contiguous()},
          here / "dalle_vqgan_check.safetensors")

scheduler = {"kl_weight": 5e-4, "temperature_scheduler_config": {
    "target": "taming.lr_scheduler.LambdaWarmUpCosineScheduler",
    "params": {"warm_up_steps": 0, "lr_min": 0.9, "lr_max": 1.0, "lr_start": 1.0, "max_decay_steps": 9}}}
vae, _ = checkpoint("gumbel", config("taming.models.vqgan.GumbelVQ", 32, [1, 1], [16], 4, 4, 9, scheduler), 5)
image = picture(32)
with torch.no_grad():  # the codes of VQGanVAE are drawn at random around these
    codes = vae.model.quantize.proj(vae.model.encode_to_prequant(2 * image - 1)).argmax(1).flatten(1)
    decoded = vae.decode(codes)
print("codes in use:", codes.unique().tolist(), "pictures:", decoded.min().item(), decoded.max().item(), decoded.std().item())
save_file({"codes": codes, "decoded": decoded.contiguous()}, here / "gumbel_check.safetensors")
