"""Numbers that scripts beside golden files compute and tests compute too, see Numbers in computed.go. Needs numpy."""
import numpy as np

MASK = 2**64 - 1


def numbers(name, n):
    """n numbers in [-1, 1): a counter that starts at the FNV-1a hash of a name, hashed by SplitMix64."""
    state = 14695981039346656037
    for byte in name.encode():
        state = (state ^ byte) * 1099511628211 & MASK
    with np.errstate(over="ignore"):
        z = np.uint64(state) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(40)).astype(np.float64) / 2**23 - 1).astype(np.float32)
