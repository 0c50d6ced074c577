"""Reads a folder as users of the Hub do: the card with huggingface_hub, the weights with safetensors' layout."""

import json
import os
import struct
import sys

from huggingface_hub import ModelCard
from huggingface_hub.repocard import metadata_load

folder, task, license, figures = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
readme = os.path.join(folder, "README.md")
card = ModelCard.load(readme)
data = metadata_load(readme)
assert card.data.library_name == "bestiary", card.data.library_name
assert card.data.pipeline_tag == task, card.data.pipeline_tag
assert card.data.license == license, card.data.license
assert "bestiary" in card.data.tags
results = card.data.eval_results or []
assert len(results) == figures, len(results)
for r in results:
    assert r.task_type == task and isinstance(r.metric_value, (int, float)), r
    assert r.dataset_type and r.metric_name and r.metric_type in data["metrics"], r
assert len(ModelCard(str(card)).data.eval_results or []) == figures  # also after it has been written again
for line in card.text.splitlines():
    if line.startswith("!["):
        assert os.path.exists(os.path.join(folder, line[line.index("(") + 1 : -1])), line
config = json.load(open(os.path.join(folder, "config.json")))
with open(os.path.join(folder, "model.safetensors"), "rb") as f:
    header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
kinds = {name.split(".")[0] for name in header if name != "__metadata__"}
assert kinds == set(config["models"]), (kinds, config["models"].keys())
print("ok", sorted(kinds), len(results))
