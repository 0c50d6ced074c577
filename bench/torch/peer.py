"""The other side of `bestiary bench --vs torch`, torch-compile, torch-cached, zuko, nflows and onnxruntime: the named workloads in PyTorch.

Arguments are the number of threads, the device ("cpu", "cuda:0"), the precision of products ("highest", "high" or "medium"), and the
mode: "eager"; "compile", where torch.compile compiles each loss or inference function; "cached", where DALL-E generates with a KV
cache; "zuko" and "nflows", the flows of these libraries, eager; "onnxruntime", where ONNX Runtime computes what torch.onnx has exported.

On the processor, a workload is prepared in the form that is fastest there: with or without channels-last pictures, and at
"medium" with or without autocast to bfloat16.

One long-lived process that reads commands from standard input and answers each with a line of JSON:

    (start)             {"version": "2.4.0", "threads": 2, "blas": "mkl", "precision": "highest", "gpu": null}
    prepare NAME        {"prepared": NAME, "form": "..."}       builds the model and warms it up; flows over rows of a table
                                                                add {"parameters": N}
    run SECONDS         {"seconds": [...], "peak_bytes": N}     times whole iterations for about that long, at least one

A workload that the mode doesn't support is answered with {"impossible": "why"}, an error with {"error": "..."}. The process ends with its
standard input.
"""

import contextlib
import importlib.metadata
import importlib.util
import json
import re
import sys
import time

import torch

import maskrcnn
from attention import attention
from autoencoder import EMBEDDING, Autoencoder
from backbones import Features, ssd300, targets
from cached import CachedDALLE
from dalle import DALLE
from densities import LIBRARIES, density
from dvae import DiscreteVAE
from generators import MaskGIT, Rectified
from latents import Classifier, Discriminator, KLAutoencoder, TarFlow, adversarial_step
from realnvp import CLASSES, DIM, RealNVP

WARM_UP = 2  # iterations

compiler = lambda function: function  # or torch.compile
Generator = DALLE  # or CachedDALLE


class Form:
    """How PyTorch computes a workload, beside the precision of its products."""

    def __init__(self, autocast=False, channels_last=False):
        self.autocast, self.channels_last = autocast, channels_last

    def __str__(self):
        names = {"autocast": "bfloat16 autocast", "channels_last": "channels-last"}
        return ", ".join(text for name, text in names.items() if getattr(self, name))


form = Form()  # of the workload that is prepared
convolves = False  # whether a model of that workload has convolutions


def in_form(function):
    """A function that computes in the form of the workload."""
    if not form.autocast:
        return function

    def cast(*arguments, **named):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return function(*arguments, **named)

    return cast


def compiled(function):
    return in_form(compiler(function))


def laid_out(model):
    """A model with its filters in the form's layout, which pictures then have, too."""
    global convolves
    convolves = convolves or any(p.dim() == 4 for p in model.parameters())
    return model.to(memory_format=torch.channels_last) if form.channels_last else model


def gemm(n):
    a, b, c = torch.randn(n, n), torch.randn(n, n), torch.empty(n, n)
    return compiled(lambda: torch.mm(a, b, out=c))


def train(model, loss):
    optimizer, loss = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-5), compiled(loss)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()

    return step


def autoencoder_train(batch):
    model, x = laid_out(Autoencoder()), torch.rand(batch, 3, 64, 64) * 2 - 1
    return train(model, lambda: torch.nn.functional.mse_loss(model(x), x))


def one_hot(batch):
    return torch.eye(CLASSES)[torch.arange(batch) % CLASSES]


def realnvp_train(batch):
    model, x, y = RealNVP(), torch.randn(batch, DIM), one_hot(batch)
    return train(model, lambda: model.loss(x, y))


def pixels(pictures):
    """Pictures [N, 3, H, W] from -1 to 1 as bytes [N, H, W, 3]."""
    return ((pictures.clamp(-1, 1) + 1) * 127.5 + 0.5).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def pets_sample(n):
    flow, pets = RealNVP().eval(), laid_out(Autoencoder().eval())
    z, y = torch.randn(n, EMBEDDING), one_hot(n)
    decoded = compiled(lambda: pixels(pets.decode(flow.inverse(z, y)[0])))

    @torch.no_grad()
    def step():
        return decoded().cpu().numpy()

    return step


def dvae_train(hidden, blocks, codes, batch):
    model, x = laid_out(DiscreteVAE(codes=codes, hidden=hidden, blocks=blocks)), torch.rand(batch, 3, 128, 128)
    return train(model, lambda: model.loss(x))


def words_and_codes(batch, vocabulary, text_len, codes, side):
    return torch.randint(1, vocabulary, (batch, text_len)), torch.randint(0, codes, (batch, side**2))


def dalle_train(batch, *sizes):
    model, (text, image) = DALLE(*sizes), words_and_codes(batch, *sizes)
    return train(model, lambda: model.loss(text, image))


def dalle_generate(vocabulary, text_len, codes, side):
    model, vae = Generator(vocabulary, text_len, codes, side).eval(), laid_out(DiscreteVAE(codes=codes, hidden=256, blocks=2).eval())
    text = torch.randint(1, vocabulary, (1, text_len))
    model.logits = compiled(model.logits)
    decoded = compiled(lambda codes: pixels(vae.decoder(vae.codebook(codes).view(1, side, side, -1).permute(0, 3, 1, 2))))

    @torch.no_grad()
    def step():
        return decoded(model.generate(text)).cpu().numpy()

    return step


def rectified_train(batch, vocabulary, text_len, side, channels):
    model, x = Rectified(vocabulary, text_len, side, channels), torch.randn(batch, side**2, channels)
    text = torch.randint(1, vocabulary, (batch, text_len))
    return train(model, lambda: model.loss(x, text))


def rectified_generate(batch, vocabulary, text_len, side, channels):
    model, text = Rectified(vocabulary, text_len, side, channels).eval(), torch.randint(1, vocabulary, (batch, text_len))
    model.forward = compiled(model.forward)
    return lambda: model.generate(torch.randn(batch, side**2, channels, device=text.device), text).cpu().numpy()


def maskgit_train(batch, *sizes):
    model, (text, image) = MaskGIT(*sizes), words_and_codes(batch, *sizes)
    return train(model, lambda: model.loss(text, image))


def maskgit_generate(batch, *sizes):
    model, (text, _) = MaskGIT(*sizes).eval(), words_and_codes(batch, *sizes)
    model.hidden = compiled(model.hidden)
    return lambda: model.generate(text).cpu().numpy()


def kl_train(batch):
    model, judge, x = laid_out(KLAutoencoder()), laid_out(Discriminator()), torch.rand(batch, 3, 64, 64) * 2 - 1
    adam = torch.optim.Adam(model.parameters(), lr=4e-4, betas=(0.9, 0.99))
    opponent = torch.optim.Adam(judge.parameters(), lr=2e-4, betas=(0.5, 0.9))
    model.forward, judge.forward = compiled(model.forward), compiled(judge.forward)
    return lambda: adversarial_step(model, judge, adam, opponent, x)


def kl_decode(n):
    model = laid_out(KLAutoencoder().eval())
    z, decode = torch.randn(n, 16, 8, 8), compiled(model.decode)

    @torch.no_grad()
    def step():
        return decode(z).float().cpu().numpy()

    return step


def tarflow_train(batch):
    model, x = TarFlow(), torch.randn(batch, 64, 16)
    classes = torch.arange(batch) % 2
    return train(model, lambda: model.loss(x, classes))


def tarflow_sample(n):
    model, classes = TarFlow().eval(), torch.arange(n) % 2
    z = torch.randn(n, 64, 16)
    return in_form(lambda: model.sample(z, classes, guidance=2).float().cpu().numpy())


def classifier_train(batch):
    model, x, classes = laid_out(Classifier()), torch.rand(batch, 3, 64, 64) * 2 - 1, torch.arange(batch) % 2
    return train(model, lambda: torch.nn.functional.cross_entropy(model(x), classes, label_smoothing=0.1))


def backbone_features(name, size):
    model, x = laid_out(Features(name)), torch.rand(1, 3, size, size) * 2 - 1
    features = compiled(model)

    @torch.no_grad()
    def step():
        return features(x)[-1].float().cpu().numpy()

    return step


def ssd_detect(n):
    model, x = laid_out(ssd300(20).eval()), list(torch.rand(n, 3, 300, 300))

    @torch.no_grad()
    def step():
        return [found["boxes"].float().cpu().numpy() for found in model(x)]

    return step


def ssd_train(batch):
    model, x, objects = laid_out(ssd300(20)), list(torch.rand(batch, 3, 300, 300)), targets(batch)
    return train(model, lambda: sum(model(x, objects).values()))


def mask_rcnn_detect(name, mode):
    net, size = maskrcnn.split(name)
    model, x = laid_out(maskrcnn.mask_rcnn(net, size)), torch.rand(3, size, size)
    if mode == "onnxruntime":
        run = maskrcnn.session(model, x, torch.get_num_threads())
        return lambda: maskrcnn.checked(run())
    for part in maskrcnn.parts(model):
        part.forward = maskrcnn.floats(in_form(part.forward))

    @torch.no_grad()
    def step():
        return maskrcnn.checked(model([x])[0]["masks"].cpu().numpy())

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
    "rectified/train/8x8x8-b32": lambda: rectified_train(32, 2048, 32, 8, 8),
    "rectified/generate/8x8x8-e24-b8": lambda: rectified_generate(8, 2048, 32, 8, 8),
    "maskgit/train/16x16-k512-b16": lambda: maskgit_train(16, 2048, 32, 512, 16),
    "maskgit/generate/16x16-k512-b8": lambda: maskgit_generate(8, 2048, 32, 512, 16),
    "kl/train/64px-b16": lambda: kl_train(16),
    "kl/decode/64px-b8": lambda: kl_decode(8),
    "tarflow/train/8x8x16-b32": lambda: tarflow_train(32),
    "tarflow/sample/8x8x16-b8": lambda: tarflow_sample(8),
    "classifier/train/64px-b64": lambda: classifier_train(64),
    "ssd/detect/300px-vgg16-b1": lambda: ssd_detect(1),
    "ssd/detect/300px-vgg16-b8": lambda: ssd_detect(8),
    "ssd/train/300px-vgg16-b8": lambda: ssd_train(8),
    "backbone/features/vgg16-224": lambda: backbone_features("vgg16", 224),
    "backbone/features/vgg16-512": lambda: backbone_features("vgg16", 512),
    "backbone/features/resnet18-224": lambda: backbone_features("resnet18", 224),
    "backbone/features/resnet18-512": lambda: backbone_features("resnet18", 512),
    "backbone/features/resnet34-224": lambda: backbone_features("resnet34", 224),
    "backbone/features/resnet34-512": lambda: backbone_features("resnet34", 512),
    "backbone/features/resnet50-224": lambda: backbone_features("resnet50", 224),
    "backbone/features/resnet50-512": lambda: backbone_features("resnet50", 512),
    "backbone/features/resnet101-224": lambda: backbone_features("resnet101", 224),
    "backbone/features/resnet101-512": lambda: backbone_features("resnet101", 512),
    "backbone/features/resnet152-224": lambda: backbone_features("resnet152", 224),
    "backbone/features/resnet152-512": lambda: backbone_features("resnet152", 512),
    "backbone/features/resnext50_32x4d-224": lambda: backbone_features("resnext50_32x4d", 224),
    "backbone/features/resnext50_32x4d-512": lambda: backbone_features("resnext50_32x4d", 512),
    "backbone/features/resnext101_32x8d-224": lambda: backbone_features("resnext101_32x8d", 224),
    "backbone/features/resnext101_32x8d-512": lambda: backbone_features("resnext101_32x8d", 512),
    "backbone/features/mobilenet_v2-224": lambda: backbone_features("mobilenet_v2", 224),
    "backbone/features/mobilenet_v2-512": lambda: backbone_features("mobilenet_v2", 512),
    "backbone/features/efficientnet_b0-224": lambda: backbone_features("efficientnet_b0", 224),
    "backbone/features/efficientnet_b0-512": lambda: backbone_features("efficientnet_b0", 512),
    "backbone/features/efficientnet_b1-224": lambda: backbone_features("efficientnet_b1", 224),
    "backbone/features/efficientnet_b1-512": lambda: backbone_features("efficientnet_b1", 512),
    "backbone/features/efficientnet_b2-224": lambda: backbone_features("efficientnet_b2", 224),
    "backbone/features/efficientnet_b2-512": lambda: backbone_features("efficientnet_b2", 512),
    "backbone/features/efficientnet_b3-224": lambda: backbone_features("efficientnet_b3", 224),
    "backbone/features/efficientnet_b3-512": lambda: backbone_features("efficientnet_b3", 512),
    "backbone/features/efficientnet_b4-224": lambda: backbone_features("efficientnet_b4", 224),
    "backbone/features/efficientnet_b4-512": lambda: backbone_features("efficientnet_b4", 512),
    "backbone/features/efficientnet_b5-224": lambda: backbone_features("efficientnet_b5", 224),
    "backbone/features/efficientnet_b5-512": lambda: backbone_features("efficientnet_b5", 512),
    "backbone/features/efficientnet_b6-224": lambda: backbone_features("efficientnet_b6", 224),
    "backbone/features/efficientnet_b6-512": lambda: backbone_features("efficientnet_b6", 512),
    "backbone/features/efficientnet_b7-224": lambda: backbone_features("efficientnet_b7", 224),
    "backbone/features/efficientnet_b7-512": lambda: backbone_features("efficientnet_b7", 512),
    "attention/full": lambda: attention("full"),
    "attention/axial_row": lambda: attention("axial_row"),
    "attention/axial_col": lambda: attention("axial_col"),
    "attention/conv_like": lambda: attention("conv_like"),
    "attention/sparse": lambda: attention("sparse"),
}


def on_gpu():
    return torch.cuda.is_initialized()


def peak_bytes():
    """The peak memory in bytes: on a GPU that of tensors since the workload was prepared, otherwise the highest resident
    memory of this process, PyTorch's code included; None where the system doesn't report it."""
    if on_gpu():
        return torch.cuda.max_memory_allocated()
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return None


def blas():
    """The BLAS library that PyTorch was built with, and its files if they are separate. Debian's "generic" is the installed
    libblas.so.3: the slow reference BLAS, unless another one is installed."""
    if "onnxruntime" in sys.modules:
        return "its own"
    if on_gpu():
        return f"CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
    built = re.search(r"BLAS_INFO=(\w+)", torch.__config__.show())
    found = [built.group(1)] if built else []
    try:
        with open("/proc/self/maps") as maps:
            found += sorted({f for f in (line.split()[-1] for line in maps) if re.search(r"/lib(open)?blas[^/]*$", f)})
    except OSError:
        pass  # not Linux
    return " ".join(found)


def use_gpu(device, precision):
    if not torch.cuda.is_available():
        raise RuntimeError(f"PyTorch {torch.__version__} finds no GPU that it can use; install a build of it for CUDA that this driver serves")
    torch.cuda.set_device(device)
    torch.cuda.init()
    # Convolutions use TF32 unless it is switched off. The switch for products also sets their precision, so it comes last.
    torch.backends.cudnn.allow_tf32 = precision != "highest"
    torch.backends.cuda.matmul.allow_tf32 = precision != "highest"
    torch.set_float32_matmul_precision(precision)


def choose(mode):
    global compiler, Generator
    if mode == "cached":
        Generator = CachedDALLE
    elif mode == "compile":
        compiler = torch.compile
    elif mode == "onnxruntime":
        importlib.import_module(mode)


def impossible(name, mode):
    """Why a mode doesn't support a workload; None if it does."""
    if mode in LIBRARIES and not name.startswith("density/"):
        return f"{mode} has flows over rows only"
    if mode not in LIBRARIES and name.startswith("density/"):
        return "PyTorch has no flows of its own; use zuko or nflows"
    if name.startswith(("backbone/", "ssd/", "maskrcnn/")) and importlib.util.find_spec("torchvision") is None:
        return "the networks are those of torchvision, which is not installed"
    if name.startswith("maskrcnn/") and not maskrcnn.has(maskrcnn.split(name)[0]):
        return "torchvision has no such network"
    if mode == "onnxruntime" and not name.startswith("maskrcnn/"):
        return "ONNX Runtime is measured with Mask R-CNN only"
    if mode == "cached" and "/generate/" not in name:
        return "only generation has a cache; elsewhere it is torch that does the same"
    return None


def build(name, device, mode):
    """A step of a workload in the current form, and the number of parameters of a flow over rows."""
    with torch.device(device) if on_gpu() else contextlib.nullcontext():
        if mode in LIBRARIES:
            return density(mode, name, train)
        if name.startswith("maskrcnn/"):
            return mask_rcnn_detect(name, mode), None
        return WORKLOADS[name](), None


def forms(mode, precision):
    """The forms that PyTorch may compute in, best guess last. Compiling takes long, so that mode has one."""
    if mode in LIBRARIES or mode == "onnxruntime":
        return [Form()]
    casts = [False, True] if precision == "medium" else [False]
    if mode == "compile":
        return [Form(autocast=casts[-1])]
    return [Form(autocast, channels_last) for channels_last in (False, True) for autocast in casts]


def fastest(name, device, mode, candidates):
    """The form in which a step is fastest: the better of two, after one that warms up."""
    global form
    best, least = candidates[0], float("inf")
    for form in candidates:
        step, _ = build(name, device, mode)
        step()
        if (took := min(timed(step, 0) + timed(step, 0))) < least:
            best, least = form, took
        del step
    return best


def prepare(name, device, mode, precision):
    """A step of a workload, warmed up, and what the answer says about it."""
    global form, convolves
    candidates = [Form()] if on_gpu() else forms(mode, precision)
    form, convolves = candidates[0], False
    step, parameters = build(name, device, mode)
    if mode == "onnxruntime":
        reset_peak()  # the model is PyTorch's no more
    candidates = [c for c in candidates if convolves or not c.channels_last]
    if len(candidates) > 1:
        del step
        form = fastest(name, device, mode, candidates)
        reset_peak()
        step, parameters = build(name, device, mode)
    for _ in range(WARM_UP):
        step()
    if on_gpu():
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    facts = {"prepared": name, "form": str(form)}
    return step, facts if parameters is None else facts | {"parameters": parameters}


def reset_peak():
    """Forgets the highest resident memory of the forms that were tried, where the system can."""
    try:
        with open("/proc/self/clear_refs", "w") as refs:
            refs.write("5")
    except OSError:
        pass


def timed(step, seconds):
    times, start = [], time.perf_counter()
    while not times or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        step()
        if on_gpu():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - before)
    return times


def reason(e):
    """The first line of an error; PyTorch's errors may have a page of further lines."""
    kind = "" if type(e) is RuntimeError else f"{type(e).__name__}: "
    return f"{kind}{str(e).strip()}".splitlines()[0]


def main():
    threads, device, precision, mode = sys.argv[1:]
    answer = lambda **fields: print(json.dumps(fields), flush=True)
    torch.manual_seed(1)
    torch.set_num_threads(int(threads))
    try:
        if (device != "cpu" or mode == "compile") and not hasattr(torch, "compile"):
            raise RuntimeError(f"PyTorch {torch.__version__} is too old for that; use 2.0 or later")
        if device != "cpu":
            use_gpu(device, precision)
        elif precision != "highest":
            torch.set_float32_matmul_precision(precision)
        choose(mode)
    except Exception as e:
        return answer(error=reason(e))
    answer(
        version=importlib.metadata.version(mode) if mode in LIBRARIES or mode == "onnxruntime" else torch.__version__, threads=torch.get_num_threads(), blas=blas(),
        gpu=torch.cuda.get_device_name() if on_gpu() else None, precision=precision,
    )
    step = None
    for line in sys.stdin:
        command, argument = line.split()
        try:
            if command == "prepare" and impossible(argument, mode):
                answer(impossible=impossible(argument, mode))
            elif command == "prepare":
                step, facts = prepare(argument, device, mode, precision)
                answer(**facts)
            elif command == "run":
                answer(seconds=timed(step, float(argument)), peak_bytes=peak_bytes())
            else:
                answer(error=f"command {command!r} is not known")
        except Exception as e:  # whatever it is, the other side has to hear of it
            if command == "prepare" and mode == "compile":
                answer(impossible=reason(e))
            else:
                answer(error=reason(e))


if __name__ == "__main__":
    main()
