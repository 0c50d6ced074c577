"""Writes expected/bert_configs.json with the BertTokenizer of transformers (4.40.0), which DALLE-pytorch's ChineseTokenizer uses:
pip install transformers==4.40.0.

The file is {"texts": [...], "configs": [[tokenizer_config.json or null, [ids, ...]], ...]} for vocab.txt, in a folder that holds it and
the configuration only.
"""
import json, os, shutil, tempfile
from transformers import BertTokenizer

os.chdir(os.path.dirname(os.path.abspath(__file__)))
texts = ["A Bird with WINGS", "École naïve façade ÉCOLE", "一只黄色的小鸟 with Black 黑色翅膀。", "e\u0301 NAIVE naive Naïve", "हिन्दी में", "ab黄cd鸟ef", "the bird's Belly is RED, isn't it?", "\u0130 \u00c5ngstr\u00f6m", "tab\tnew\nline  [MASK] [SEP]", "c\u0327a \u0441\u0438\u0439", "Bird 123 4½", "", "   "]
configs = [None, {}, {"do_lower_case": False, "model_max_length": 512}, {"do_lower_case": True, "strip_accents": False}, {"do_lower_case": False, "strip_accents": True}, {"do_lower_case": True, "tokenize_chinese_chars": False}, {"do_lower_case": False, "tokenize_chinese_chars": False, "unk_token": "[UNK]"}, {"do_lower_case": None},
    {"do_lower_case": False, "unk_token": {"content": "[UNK]", "lstrip": False, "__type": "AddedToken"}, "strip_accents": None}]
out = []
for config in configs:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy("vocab.txt", folder)
        if config is not None:
            json.dump(config, open(os.path.join(folder, "tokenizer_config.json"), "w"))
        if config and config.get("do_lower_case", 0) is None:
            continue
        t = BertTokenizer.from_pretrained(folder)
        out.append([config, [t.encode(x, add_special_tokens=False) for x in texts]])
with open("expected/bert_configs.json", "w") as f:
    json.dump({"texts": texts, "configs": out}, f, separators=(",", ":"))
    f.write("\n")
