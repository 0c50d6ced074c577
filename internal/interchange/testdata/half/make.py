"""Writes dalle_full.pt as half precision saves it (model.half() and model.bfloat16()), with PyTorch."""
import torch

for name, dtype in ("float16", torch.float16), ("bfloat16", torch.bfloat16):
    checkpoint = torch.load("../dalle_full.pt", weights_only=True)
    checkpoint = {k: checkpoint[k] for k in ("hparams", "vae_params", "epoch", "version", "vae_class_name", "weights") if k in checkpoint}
    checkpoint["weights"] = {k: v.to(dtype) if v.is_floating_point() else v for k, v in checkpoint["weights"].items()}
    torch.save(checkpoint, f"dalle_full.{name}.pt")
