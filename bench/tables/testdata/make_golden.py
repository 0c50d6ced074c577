"""Writes tiny tables in the form of POWER and GAS, and what the preprocessing of MAF makes of them.

The functions follow https://github.com/gpapamak/maf, datasets/power.py and gas.py. Run with numpy 2 and pandas 3:
    python make_golden.py
"""
import json, os
import numpy as np, pandas as pd

here = os.path.dirname(os.path.abspath(__file__))
rng = np.random.RandomState(7)


def split(data):
    n = int(0.1 * data.shape[0])
    test, data = data[-n:], data[0:-n]
    n = int(0.1 * data.shape[0])
    return data[0:-n], data[-n:], test


def power(path):
    rng = np.random.RandomState(42)
    data = np.load(path)
    rng.shuffle(data)
    n = data.shape[0]
    data = np.delete(data, 3, axis=1)
    data = np.delete(data, 1, axis=1)
    voltage = 0.01 * rng.rand(n, 1)
    gap = 0.001 * rng.rand(n, 1)
    sm = rng.rand(n, 3)
    data = data + np.hstack((gap, voltage, sm, np.zeros((n, 1))))
    train, validate, test = split(data)
    both = np.vstack((train, validate))
    mu, s = both.mean(axis=0), both.std(axis=0)
    return [(x - mu) / s for x in (train, validate, test)]


def gas(path):
    data = pd.read_csv(path).drop(columns=["Time", "Meth", "Eth"])
    correlated = lambda: (data.corr() > 0.98).to_numpy().sum(axis=1)
    b = correlated()
    while np.any(b > 1):
        data = data.drop(columns=data.columns[np.where(b > 1)[0][0]])
        b = correlated()
    data = (data - data.mean()) / data.std()
    return split(data.to_numpy())


os.makedirs(os.path.join(here, "power"), exist_ok=True)
os.makedirs(os.path.join(here, "gas"), exist_ok=True)
np.save(os.path.join(here, "power", "data.npy"), np.round(rng.gamma(2, 1, (60, 8)), 3))
x = rng.normal(size=(50, 4))
frame = pd.DataFrame(np.round(np.column_stack([np.arange(50) / 100, rng.gamma(1, 1, (50, 2)), x, x[:, 0] + 0.01 * rng.normal(size=50)]), 4),
                     columns=["Time", "Meth", "Eth", "r1", "r2", "r3", "r4", "r5"])
frame.to_csv(os.path.join(here, "gas", "ethylene_CO.csv"), index=False)
golden = {}
for name, parts in {"power": power(os.path.join(here, "power", "data.npy")), "gas": gas(os.path.join(here, "gas", "ethylene_CO.csv"))}.items():
    golden[name] = [{"rows": p.shape[0], "columns": p.shape[1], "first": p[0].tolist(), "last": p[-1].tolist()} for p in parts]
with open(os.path.join(here, "golden.json"), "w") as f:
    json.dump(golden, f, indent=1)
