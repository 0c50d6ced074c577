"""The other side of `bestiary bench --vs torch`: the named workloads in PyTorch.

One long-lived process that reads commands from standard input and answers each with a line of JSON:

    (start)             {"version": "1.13.0", "threads": 2, "blas": "generic /usr/lib/…/libblas.so.3.11.0"}
    prepare NAME        {"prepared": NAME}                      builds the model and warms it up
    run SECONDS         {"seconds": [...], "peak_bytes": N}     times whole iterations for about that long, at least one

An error is answered with {"error": "..."}. The process ends with its standard input.
"""

import json
import re
import sys
import time

import torch

from attention import attention
from autoencoder import EMBEDDING, Autoencoder
from dalle import DALLE
from dvae import DiscreteVAE
from realnvp import CLASSES, DIM, RealNVP

WARM_UP = 2  # iterations


def gemm(n):
    a, b, c = torch.randn(n, n), torch.randn(n, n), torch.empty(n, n)
    return lambda: torch.mm(a, b, out=c)


def train(model, loss):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-5)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()

    return step


def autoencoder_train(batch):
    model, x = Autoencoder(), torch.rand(batch, 3, 64, 64) * 2 - 1
    return train(model, lambda: torch.nn.functional.mse_loss(model(x), x))


def one_hot(batch):
    return torch.eye(CLASSES)[torch.arange(batch) % CLASSES]


def realnvp_train(batch):
    model, x, y = RealNVP(), torch.randn(batch, DIM), one_hot(batch)
    return train(model, lambda: model.loss(x, y))


def pets_sample(n):
    flow, pets = RealNVP().eval(), Autoencoder().eval()
    z, y = torch.randn(n, EMBEDDING), one_hot(n)

    @torch.no_grad()
    def step():
        x, _ = flow.inverse(z, y)
        pixels = (pets.decode(x).clamp(-1, 1) + 1) * 127.5 + 0.5
        return pixels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()

    return step


def dvae_train(hidden, blocks, codes, batch):
    model, x = DiscreteVAE(codes=codes, hidden=hidden, blocks=blocks), torch.rand(batch, 3, 128, 128)
    return train(model, lambda: model.loss(x))


def words_and_codes(batch, vocabulary, text_len, codes, side):
    return torch.randint(1, vocabulary, (batch, text_len)), torch.randint(0, codes, (batch, side**2))


def dalle_train(batch, *sizes):
    model, (text, image) = DALLE(*sizes), words_and_codes(batch, *sizes)
    return train(model, lambda: model.loss(text, image))


def dalle_generate(vocabulary, text_len, codes, side):
    model, vae = DALLE(vocabulary, text_len, codes, side).eval(), DiscreteVAE(codes=codes, hidden=256, blocks=2).eval()
    text = torch.randint(1, vocabulary, (1, text_len))

    @torch.no_grad()
    def step():
        codes = vae.codebook(model.generate(text)).view(1, side, side, -1)
        pixels = (vae.decoder(codes.permute(0, 3, 1, 2)).clamp(-1, 1) + 1) * 127.5 + 0.5
        return pixels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()

    return step


WORKLOADS = {
    "gemm/1024": lambda: gemm(1024),
    "autoencoder/train/b32": lambda: autoencoder_train(32),
    "realnvp/train/b32": lambda: realnvp_train(32),
    "realnvp/train/b256": lambda: realnvp_train(256),
    "pets/sample/64": lambda: pets_sample(64),
    "dvae/train/128px-h64-k512-b8": lambda: dvae_train(64, 1, 512, 8),
    "dvae/train/128px-h256-k1024-b8": lambda: dvae_train(256, 2, 1024, 8),
    "dalle/train/128px-v2048-k1024-b4": lambda: dalle_train(4, 2048, 64, 1024, 16),
    "dalle/train/256px-v49408-k8192-b4": lambda: dalle_train(4, 49408, 256, 8192, 32),
    "dalle/generate/128px-v2048": lambda: dalle_generate(2048, 64, 1024, 16),
    "attention/full": lambda: attention("full"),
    "attention/axial_row": lambda: attention("axial_row"),
    "attention/axial_col": lambda: attention("axial_col"),
    "attention/conv_like": lambda: attention("conv_like"),
    "attention/sparse": lambda: attention("sparse"),
}


def peak_bytes():
    """Highest resident memory of this process, PyTorch's own code included; None where the system doesn't tell."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return None


def blas():
    """The library that multiplies matrices: as PyTorch was built with it, and its files if they are separate. Debian's
    "generic" means whatever libblas.so.3 is: the slow reference one, unless another has been installed."""
    built = re.search(r"BLAS_INFO=(\w+)", torch.__config__.show())
    found = [built.group(1)] if built else []
    try:
        with open("/proc/self/maps") as maps:
            found += sorted({f for f in (line.split()[-1] for line in maps) if re.search(r"/lib(open)?blas[^/]*$", f)})
    except OSError:
        pass  # not Linux
    return " ".join(found)


def timed(step, seconds):
    times, start = [], time.perf_counter()
    while not times or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        step()
        times.append(time.perf_counter() - before)
    return times


def main():
    torch.manual_seed(1)
    torch.set_num_threads(int(sys.argv[1]))
    answer = lambda **fields: print(json.dumps(fields), flush=True)
    answer(version=torch.__version__, threads=torch.get_num_threads(), blas=blas())
    step = None
    for line in sys.stdin:
        command, argument = line.split()
        try:
            if command == "prepare":
                step = WORKLOADS[argument]()
                for _ in range(WARM_UP):
                    step()
                answer(prepared=argument)
            elif command == "run":
                answer(seconds=timed(step, float(argument)), peak_bytes=peak_bytes())
            else:
                answer(error=f"command {command!r} is not known")
        except Exception as e:  # whatever it is, the other side has to hear of it
            answer(error=f"{type(e).__name__}: {e}")


if __name__ == "__main__":
    main()
