"""DALL-E's generation with a KV cache. It also caches the features that the token shift reads, so a code costs the work of one
position. The layers, and so the logits, are those of dalle.DALLE."""

import torch
import torch.nn.functional as F

from dalle import DALLE, DIM, DIM_HEAD, HEADS, rotate


class CachedDALLE(DALLE):
    @torch.no_grad()
    def start(self, text):
        """Reads a caption [B, text_len] and returns the logits [B, codes] of the first code."""
        batch, positions = len(text), self.text_len + self.fmap**2
        x = self.text_emb(self.words(text))
        self.at = 0  # positions that are kept
        self.pairs = [x.new_empty(2, batch, HEADS, positions, DIM_HEAD) for _ in self.blocks]
        self.inputs = [x.new_empty(2, batch, positions, DIM) for _ in self.blocks]  # before they are shifted
        return self.advance(x)

    @torch.no_grad()
    def follow(self, code):
        """Reads a code [B, 1] and returns the logits [B, codes] of the next one."""
        return self.advance(self.image_emb(code))

    def advance(self, x):
        x1 = x2 = x  # [B, N, DIM]
        for (f, g), pairs, (before_f, before_g) in zip(self.blocks, self.pairs, self.inputs):
            x1 = x1 + self.attention(f.inner, self.shifted(f, x2, before_f), pairs) * f.scale
            x2 = x2 + g.inner(self.shifted(g, x1, before_g)) * g.scale
        self.at += x.shape[1]
        last = self.norm((x1[:, -1] + x2[:, -1]) / 2)
        words = self.text_vocabulary + self.text_len
        return F.linear(last, self.head.weight[words:], self.head.bias[words:])

    def shifted(self, layer, x, before):
        n, fmap = x.shape[1], self.fmap
        now = layer.norm(x)
        before[:, self.at : self.at + n] = now
        if self.at == 0:
            return layer.shift(now)
        cell = self.at - self.text_len - 1
        top, left, rest = now.split([DIM // 4, DIM // 4, DIM // 2], -1)
        top = before[:, self.at - fmap, None, : DIM // 4] if cell >= fmap else torch.zeros_like(top)
        left = before[:, self.at - 1, None, DIM // 4 : DIM // 2] if cell % fmap else torch.zeros_like(left)
        return torch.cat([top, left, rest], -1)

    def attention(self, layer, x, pairs):
        b, n, _ = x.shape
        end = self.at + n
        qkv = layer.qkv(x).view(b, n, 3, HEADS, DIM_HEAD).permute(2, 0, 3, 1, 4)
        qkv = rotate(qkv, layer.angles[self.at : end])
        pairs[:, :, :, self.at : end] = qkv[1:]
        k, v = pairs[:, :, :, :end]
        dots = qkv[0] * DIM_HEAD**-0.5 @ k.transpose(-1, -2)
        if n > 1:  # the caption, behind nothing
            hidden = torch.ones(n, n, dtype=torch.bool, device=x.device).triu_(1)
            dots = dots.masked_fill(hidden, -torch.finfo(dots.dtype).max)
        return layer.out((dots.softmax(-1) @ v).transpose(1, 2).reshape(b, n, -1))

    def generate(self, text):
        image = [self.draw(self.start(text))]
        while len(image) < self.fmap**2:
            image.append(self.draw(self.follow(image[-1])))
        return torch.cat(image, 1)
