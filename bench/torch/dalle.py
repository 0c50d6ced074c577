"""DALL-E in plain PyTorch, as DALLE-pytorch has it at the sizes of the named workloads: a reversible transformer over the
text tokens and then the image tokens, with rotary embeddings and token shift, and one head over both vocabularies. Generation
recomputes the whole sequence for every token."""

import math

import torch
import torch.nn.functional as F
from torch import nn

DIM, DEPTH, HEADS, DIM_HEAD = 512, 2, 4, 64


class Shift(nn.Module):
    """The token shift: half of the features of a text token come from the token before; of an image token, a quarter come from
    above and a quarter from the left."""

    def __init__(self, text_len, fmap):
        super().__init__()
        self.text_len, self.fmap = text_len, fmap  # text_len counts the start token

    def forward(self, x):
        b, n, d = x.shape
        text, image = x[:, : self.text_len], x[:, self.text_len :]
        before, stay = text.chunk(2, dim=-1)
        text = torch.cat([F.pad(before, (0, 0, 1, -1)), stay], -1)
        missing = self.fmap**2 - image.shape[1]
        if image.shape[1] > 0:
            image = F.pad(image, (0, 0, 0, missing)).view(b, self.fmap, self.fmap, d)
            top, left, rest = image.split([d // 4, d // 4, d // 2], -1)
            left, top = F.pad(left, (0, 0, 1, -1)), F.pad(top, (0, 0, 0, 0, 1, -1))
            image = torch.cat([top, left, rest], -1).view(b, -1, d)[:, : self.fmap**2 - missing]
        return torch.cat([text, image], 1)


def rotary(text_len, fmap):
    """Angles [positions, features] of text, rows and columns."""
    d = DIM_HEAD // 3
    steps = lambda: torch.arange(0, d, 2)[: d // 2].float() / d
    text = torch.einsum("i,j->ij", torch.cat([torch.arange(text_len).float(), torch.full((fmap**2,), 8192.0)]), 1 / 10000 ** steps())
    pixels = torch.linspace(1, 5, d // 2) * math.pi
    axis = torch.einsum("i,j->ij", torch.cat([torch.linspace(-1, 1, fmap), torch.tensor([-10.0])]), pixels)
    rows = torch.cat([axis[-1:].expand(text_len, -1), axis[:-1].repeat_interleave(fmap, 0)])
    columns = torch.cat([axis[-1:].expand(text_len, -1), axis[:-1].repeat(fmap, 1)])
    return torch.cat([text, rows, columns], 1).repeat_interleave(2, 1)


def rotate(x, angles):
    turned = x[..., : angles.shape[1]]
    half = torch.stack([-turned[..., 1::2], turned[..., ::2]], -1).flatten(-2)
    return torch.cat([turned * angles.cos() + half * angles.sin(), x[..., angles.shape[1] :]], -1)


class Attention(nn.Module):
    def __init__(self, angles):
        super().__init__()
        inner = HEADS * DIM_HEAD
        self.qkv, self.out = nn.Linear(DIM, 3 * inner, bias=False), nn.Linear(inner, DIM)
        self.register_buffer("angles", angles)

    def forward(self, x):
        b, n, _ = x.shape
        q, k, v = (t.view(b, n, HEADS, DIM_HEAD).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))
        q, k, v = (rotate(t, self.angles[:n]) for t in (q, k, v))
        dots = q * DIM_HEAD**-0.5 @ k.transpose(-1, -2)
        hidden = torch.ones(n, n, dtype=torch.bool, device=x.device).triu_(1)
        weights = dots.masked_fill(hidden, -torch.finfo(dots.dtype).max).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).reshape(b, n, -1))


class GEGLU(nn.Module):
    def forward(self, x):
        x, gates = x.chunk(2, -1)
        return x * F.gelu(gates)


class Residual(nn.Module):
    def __init__(self, shift, inner):
        super().__init__()
        self.scale, self.norm, self.shift, self.inner = nn.Parameter(torch.full((1, 1, DIM), 0.1)), nn.LayerNorm(DIM), shift, inner

    def forward(self, x):
        return self.inner(self.shift(self.norm(x))) * self.scale


class Reversible(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, blocks):
        ctx.blocks = blocks
        x1, x2 = x.chunk(2, -1)
        with torch.no_grad():
            for f, g in blocks:
                x1 = x1 + f(x2)
                x2 = x2 + g(x1)
        ctx.y = torch.cat([x1, x2], -1)
        return ctx.y

    @staticmethod
    def backward(ctx, grad):
        y1, y2 = ctx.y.chunk(2, -1)
        d1, d2 = grad.chunk(2, -1)
        for f, g in reversed(ctx.blocks):
            y2, d1 = undo(g, y1, y2, d1, d2)
            y1, d2 = undo(f, y2, y1, d2, d1)
        return torch.cat([d1, d2], -1), None


def undo(function, x, y, d_x, d_y):
    """Recovers y' from y = y' + function(x), and adds function's share to the gradient of x."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        out = function(x)
        out.backward(d_y)
    return y - out.detach(), d_x + x.grad


class DALLE(nn.Module):
    def __init__(self, text_vocabulary, text_len, codes, fmap):
        super().__init__()
        self.text_vocabulary, self.text_len, self.codes, self.fmap = text_vocabulary, text_len, codes, fmap
        words = text_vocabulary + text_len  # each padded position has a token of its own
        self.text_emb, self.image_emb = nn.Embedding(words, DIM), nn.Embedding(codes, DIM)
        shift, angles = Shift(text_len + 1, fmap), rotary(text_len + 1, fmap)
        feed = lambda: nn.Sequential(nn.Linear(DIM, DIM * 8), GEGLU(), nn.Dropout(0.0), nn.Linear(DIM * 4, DIM))
        self.blocks = nn.ModuleList(
            nn.ModuleList([Residual(shift, Attention(angles)), Residual(shift, feed())]) for _ in range(DEPTH)
        )
        self.norm, self.head = nn.LayerNorm(DIM), nn.Linear(DIM, words + codes)
        sequence, logit = torch.arange(text_len + fmap**2)[:, None], torch.arange(words + codes)[None, :]
        self.register_buffer("hidden", ((sequence >= text_len) & (logit < words)) | ((sequence < text_len) & (logit >= words)))

    def words(self, text):
        """The ids of text after the start token; padding has an id of its own at each position."""
        text = torch.where(text == 0, self.text_vocabulary + torch.arange(self.text_len, device=text.device), text)
        return F.pad(text, (1, 0))

    def logits(self, text, image):
        text = self.words(text)
        x = torch.cat([self.text_emb(text), self.image_emb(image)], 1)[:, : self.text_len + self.fmap**2]
        x = Reversible.apply(torch.cat([x, x], -1), list(self.blocks))
        x = torch.stack(x.chunk(2, -1)).mean(0)
        out = self.head(self.norm(x))
        return out.masked_fill(self.hidden[None, : out.shape[1]], -torch.finfo(out.dtype).max), text

    def loss(self, text, image):
        logits, text = self.logits(text, image)
        labels = torch.cat([text[:, 1:], image + self.text_vocabulary + self.text_len], 1)
        logits = logits.transpose(1, 2)
        n = self.text_len
        return (F.cross_entropy(logits[:, :, :n], labels[:, :n]) + 7 * F.cross_entropy(logits[:, :, n:], labels[:, n:])) / 8

    def draw(self, logits, keep=0.5):
        """Samples a code [B, 1] with top-k."""
        values, indices = logits.topk(max(1, int((1 - keep) * self.codes)))
        noise = -torch.log(-torch.log(torch.rand_like(values).clamp_(1e-20, 1 - 1e-7)))
        return indices.gather(1, (values + noise).argmax(-1, keepdim=True))

    @torch.no_grad()
    def generate(self, text):
        image = text.new_zeros(len(text), 0)
        words = self.text_vocabulary + self.text_len
        for _ in range(self.fmap**2):
            code = self.draw(self.logits(text, image)[0][:, -1, words:])
            image = torch.cat([image, code], 1)
        return image
