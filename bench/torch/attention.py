"""The attention of a layer in plain PyTorch, with the patterns of DALL-E as masks on the full scores. The reference does the
same where it caches; for the sparse pattern, PyTorch has nothing else outside of DeepSpeed."""

import torch

BATCH, HEADS, FEATURES, TEXT, SIDE = 4, 4, 64, 257, 32


def seen(pattern):
    """The mask [n, n] of the keys that each query attends to; the last cell has no query."""
    n = TEXT + SIDE * SIDE - 1
    query, key = torch.arange(n)[:, None], torch.arange(n)[None, :]
    causal = key <= query
    row, column = (query - TEXT) // SIDE - (key - TEXT) // SIDE, (query - TEXT) % SIDE - (key - TEXT) % SIDE
    cells = {
        "full": torch.ones(n, n, dtype=torch.bool),
        "axial_row": row == 0,
        "axial_col": column == 0,
        "conv_like": (row >= 0) & (row < 5) & (column >= 0) & (column < 5),
        "sparse": (query // 16 - key // 16 < 4) | (key < TEXT),  # four blocks of 16 back; random ones would add as many
    }[pattern]
    return causal & (cells | (key < TEXT) | (query < TEXT))


def attention(pattern):
    hidden = ~seen(pattern)
    n = len(hidden)
    qkv = torch.randn(BATCH, n, 3, HEADS, FEATURES, requires_grad=True)
    upstream = torch.randn(BATCH, HEADS, n, FEATURES)

    def step():
        qkv.grad = None
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        scores = (q * 0.125 @ k.transpose(-1, -2)).masked_fill(hidden, -torch.finfo(torch.float32).max)
        (scores.softmax(-1) @ v).backward(upstream)

    return step
