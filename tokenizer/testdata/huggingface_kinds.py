"""Writes kinds.json.gz with Hugging Face's tokenizers (0.23.3) and sentencepiece (0.2): pip install tokenizers sentencepiece protobuf.

The file is {"texts": [...], "kinds": {NAME: {"file": tokenizer.json, "ids": [...], "decoded": [...]}}}: what every tokenizer gives
for every text, used as DALLE-pytorch's HugTokenizer does: encode(text).ids with the post-processor ByteLevel, and decode of the ids
without 0 and without special tokens. With a number as argument, so many more random texts go to a file that is named second, for
BESTIARY_TOKENIZER_KINDS.
"""
import base64, gzip, io, json, os, random, sys
from tokenizers import Tokenizer, Regex, AddedToken, models, normalizers as N, pre_tokenizers as P, decoders as D, trainers, processors

os.chdir(os.path.dirname(os.path.abspath(__file__)))
random.seed(12)
captions = json.load(open("captions.json"))

lines = open("kinds_texts.txt", encoding="utf-8").read().split("\n")
texts = [json.loads('"' + part + '"') for line in lines if line for part in line.split("¦")] + captions[:20]

alphabets = ["abcdefghijklmnopqrstuvwxyz", "ABCDEFG", "0123456789½²٣३", " .,!?'\"-_&<>[]()", " \t\n\u00a0\u3000\u200b\u0085", "àéîõüçñßŒœİıſǅ", "अआइकखगघिीुूेै्ंः", "தமிழ்்ாிீு", "ابتثجحخُِّ", "אבגָּׁ",
    "一只黄色鸟的小", "ぁあがカガｶﾞー々", "한국어각각", "\u0300\u0301\u0308\u0323\u0488\u20dd\u20e3", "🐦👩🏽\u200d🚀🇩🇪❤\ufe0f", "\x00\x07\x1b\x7f\x80\x92\x9f\ufeff\ufffd\u200e\u202e", "ΑΣςσБбйё", "▁ĠĊ", "กขน้ำ", "㍻Ⅷ①ﬁﷺ"]
def random_text():
    parts = []
    for _ in range(random.randint(1, 8)):
        kind = random.random()
        if kind < 0.25:
            parts.append(random.choice(captions)[:random.randint(1, 40)])
        elif kind < 0.35:
            parts.append(random.choice(["<mask>", "word", "[SEP]", "<pre>", "<post>", "Bird-Of", "<unk>", " ", "  "]))
        elif kind < 0.45:
            parts.append(random.choice(texts)[:12])
        elif kind < 0.48:
            parts.append(chr(random.choice([random.randint(1, 0x2FFF), random.randint(0x1F300, 0x1FAFF), random.randint(0xA000, 0xD7FF), random.randint(0xF900, 0xFFFF)])))
        else:
            parts.append("".join(random.choice(random.choice(alphabets)) for _ in range(random.randint(1, 6))) if kind < 0.7 else
                         "".join(random.choice(a) for a in [random.choice(alphabets)] for _ in range(random.randint(1, 9))))
    return "".join(parts)
texts += [random_text() for _ in range(80)]

corpus = captions + [t for t in texts if t] * 3
specials = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
kinds = {}

def keep(name, t):
    kinds[name] = t

def trained(model, trainer, pre=None, norm=None, dec=None, corpus=corpus):
    t = Tokenizer(model)
    if pre is not None: t.pre_tokenizer = pre
    if norm is not None: t.normalizer = norm
    if dec is not None: t.decoder = dec
    t.train_from_iterator(corpus, trainer)
    return t

def bpe(pre=None, norm=None, dec=None, size=260, alphabet=110, special=specials, unk="[UNK]", suffix=None, prefix=None, **model):
    more = {}
    if suffix: more["end_of_word_suffix"] = suffix
    if prefix: more["continuing_subword_prefix"] = prefix
    return trained(models.BPE(unk_token=unk, **model), trainers.BpeTrainer(vocab_size=size, limit_alphabet=alphabet, special_tokens=special, show_progress=False, **more), pre, norm, dec)

# The form of the tutorial, with truncation and padding.
keep("tutorial", bpe(P.Whitespace()))
t = bpe(P.Whitespace()); t.enable_truncation(max_length=12); t.enable_padding(pad_id=3, pad_token="[PAD]", length=16); keep("tutorial fixed", t)
t = bpe(P.Whitespace()); t.enable_padding(pad_id=3, pad_token="[PAD]", pad_to_multiple_of=8); t.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]); keep("tutorial multiple", t)
t = bpe(P.Whitespace()); t.enable_truncation(max_length=5, direction="left", stride=2); t.enable_padding(direction="left", pad_id=3, pad_token="[PAD]", length=6, pad_to_multiple_of=4); keep("tutorial left", t)
t = bpe(P.Whitespace(), special=["[PAD]", "[UNK]"]); t.enable_padding(pad_id=0, pad_token="[PAD]", length=10); keep("padding at zero", t)

# Options of BPE.
keep("bpe suffix", bpe(P.WhitespaceSplit(), dec=D.BPEDecoder(suffix="</w>"), suffix="</w>"))
keep("bpe prefix", bpe(P.BertPreTokenizer(), N.Lowercase(), dec=D.WordPiece(prefix="##", cleanup=True), prefix="##"))
keep("bpe fuse", bpe(P.WhitespaceSplit(), fuse_unk=True, alphabet=40))
keep("bpe no fuse", bpe(P.WhitespaceSplit(), alphabet=40))
keep("bpe no unknown", bpe(P.Whitespace(), unk=None, special=[], alphabet=40))
byte_tokens = [f"<0x{b:02X}>" for b in range(256)]
keep("bpe byte fallback", bpe(None, N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)]),
    special=["<unk>", "<s>", "</s>"] + byte_tokens, unk="<unk>", size=460, alphabet=60, byte_fallback=True, fuse_unk=True))
t = bpe(P.Whitespace(), size=320); f = json.loads(t.to_str()); f["model"]["ignore_merges"] = True; f["model"]["merges"] = f["model"]["merges"][:40]; keep("bpe ignore merges", Tokenizer.from_str(json.dumps(f)))
f = json.loads(bpe(P.WhitespaceSplit(), special=["<unk>"] + byte_tokens[:150], unk="<unk>", size=400, alphabet=40, byte_fallback=True).to_str()); keep("bpe some bytes", Tokenizer.from_str(json.dumps(f)))
keep("bpe whole text", bpe(None, size=300))

# Byte-level with newer patterns.
def byte_level(pre, norm=None, size=330, **model):
    t = trained(models.BPE(**model), trainers.BpeTrainer(vocab_size=size, special_tokens=[], initial_alphabet=P.ByteLevel.alphabet(), show_progress=False), pre, norm, D.ByteLevel())
    return t
llama3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
o200k = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
keep("llama 3", byte_level(P.Sequence([P.Split(Regex(llama3), "isolated"), P.ByteLevel(add_prefix_space=False, use_regex=False)]), ignore_merges=True))
keep("o200k", byte_level(P.Sequence([P.Split(Regex(o200k), "removed", invert=True), P.ByteLevel(add_prefix_space=False, use_regex=False)]), N.NFC()))
keep("digits then bytes", byte_level(P.Sequence([P.Digits(individual_digits=True), P.ByteLevel(add_prefix_space=True)])))
keep("byte-level normalizer", bpe(P.Split(Regex(r"\s+"), "merged_with_next"), N.Sequence([N.NFKC(), N.ByteLevel()]), D.ByteLevel(), size=330, alphabet=256))
keep("bytes before", bpe(P.Sequence([P.ByteLevel(add_prefix_space=False), P.Split("Ġ", "contiguous")]), None, D.ByteLevel(), size=330, alphabet=150))
keep("byte-level with unknown", bpe(P.ByteLevel(), None, D.ByteLevel(), size=150, alphabet=60))

# Splits, each behaviour.
for how in ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]:
    keep("split " + how, bpe(P.Split(Regex(r"[aeiou]|\d"), how), alphabet=90, size=180))
    keep("split inverted " + how, bpe(P.Split(Regex(r"\w+"), how, invert=True), alphabet=90, size=180))
    keep("punctuation " + how, bpe(P.Sequence([P.Punctuation(how), P.WhitespaceSplit()]), alphabet=90, size=180))
keep("split literal", bpe(P.Split(" ", "merged_with_next"), alphabet=90, size=180))
keep("digits", bpe(P.Sequence([P.WhitespaceSplit(), P.Digits()]), alphabet=90, size=180))
keep("delimiter", bpe(P.CharDelimiterSplit("e"), alphabet=90, size=180))
keep("fixed length", bpe(P.FixedLength(3), alphabet=90, size=180))
for i, r in enumerate([r"x*", r"(?<=a)b|(?<!a)c", r"a++b?|\p{Han}{2}", r"^\w|\w$", r"(?i)BIRD|[^\W\d_]+?(?=\s)", r"(?>[a-f]+)g|\bw\w*\b|\B\.", r"\p{Lu}\p{Ll}*|\P{L}+", r"[[:upper:]]|[a-z&&[^aeiou]]+", r"\s\S{2,3}|.{3,5}?a|\h+", r"[\p{M}\p{^L}]|\u0061[\x62-\x{64}]", r"\A.|.\z|\d|\W"]):
    keep(f"expression {i}", bpe(P.Split(Regex(r), "isolated"), alphabet=90, size=150))

# Normalizers.
for name, n in {"NFC": N.NFC(), "NFD": N.NFD(), "NFKC": N.NFKC(), "NFKD": N.NFKD(), "strip accents": N.Sequence([N.NFD(), N.StripAccents()]), "strip accents composed": N.StripAccents(), "lower": N.Lowercase(), "strip": N.Strip(), "strip left": N.Strip(left=True, right=False),
                "nmt": N.Nmt(), "replace": N.Sequence([N.Replace(Regex(r"[aeiou]+"), "*"), N.Replace("bl", "")]), "bert": N.BertNormalizer(), "bert cased": N.BertNormalizer(lowercase=False, strip_accents=True, handle_chinese_chars=False),
                "bert unclean": N.BertNormalizer(clean_text=False, strip_accents=False), "prepend": N.Sequence([N.Strip(), N.Prepend("_")])}.items():
    keep("normalizer " + name, bpe(P.WhitespaceSplit() if name[:5] not in ("strip", "prepe") or "accents" in name else None, n, size=220, alphabet=140))

# WordLevel and WordPiece.
keep("word level", trained(models.WordLevel(unk_token="[UNK]"), trainers.WordLevelTrainer(vocab_size=150, special_tokens=specials, show_progress=False), P.Whitespace(), N.Lowercase()))
keep("word level bytes", trained(models.WordLevel(unk_token="[UNK]"), trainers.WordLevelTrainer(vocab_size=150, special_tokens=["[PAD]", "[UNK]"], show_progress=False), P.ByteLevel(), None, D.ByteLevel()))
keep("word piece", trained(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20), trainers.WordPieceTrainer(vocab_size=260, limit_alphabet=110, special_tokens=specials, show_progress=False), P.Whitespace(), N.Sequence([N.NFD(), N.Lowercase(), N.StripAccents()]), D.WordPiece()))
keep("word piece metaspace", trained(models.WordPiece(unk_token="[UNK]"), trainers.WordPieceTrainer(vocab_size=260, limit_alphabet=110, special_tokens=specials, show_progress=False), P.Metaspace(), None, D.Metaspace()))

# Unigram and Metaspace.
def unigram(pre, norm=None, dec=None, special=("<pad>", "<unk>"), size=240, unk="<unk>"):
    return trained(models.Unigram(), trainers.UnigramTrainer(vocab_size=size, special_tokens=list(special), unk_token=unk, show_progress=False), pre, norm, dec, captions + texts[:14])
keep("unigram", unigram(P.Metaspace(), None, D.Metaspace(), special=["<unk>"]))
keep("unigram first", unigram(P.Metaspace(prepend_scheme="first"), N.NFKC(), D.Metaspace(prepend_scheme="first")))
keep("unigram never", unigram(P.Metaspace(prepend_scheme="never", split=False), None, D.Metaspace(prepend_scheme="never")))
keep("unigram whitespace", unigram(P.Sequence([P.WhitespaceSplit(), P.Metaspace(prepend_scheme="first")]), None, D.Metaspace()))
f = json.loads(unigram(P.Metaspace(), None, D.Sequence([D.ByteFallback(), D.Metaspace()]), special=["<unk>"]).to_str())
f["model"]["vocab"] += [[b, -20.0 - i / 1000] for i, b in enumerate(byte_tokens)]; f["model"]["byte_fallback"] = True
keep("unigram byte fallback", Tokenizer.from_str(json.dumps(f)))
f = json.loads(unigram(P.Metaspace(), None, D.Metaspace(), special=["<pad>", "<unk>"]).to_str()); f["model"]["vocab"] = [[t, round(s)] for t, s in f["model"]["vocab"]]
keep("unigram ties", Tokenizer.from_str(json.dumps(f)))
old = json.loads(unigram(P.Metaspace(), None, D.Metaspace()).to_str())
for part in ("pre_tokenizer", "decoder"): old[part] = {"type": "Metaspace", "replacement": "▁", "str_rep": "▁", "add_prefix_space": True}
keep("unigram of an older file", Tokenizer.from_str(json.dumps(old)))

# SentencePiece's compiled normaliser, with rules of our own.
import sentencepiece as spm
rules = [("é", "e"), ("e\u0301", "E"), ("½", "1/2"), ("\u3000", " "), ("ﬁ", "fi"), ("が", "か"), ("か\u3099", "GA"), ("A", "a"), ("B", "b"), ("\u00ad", ""), ("①", "(1)"), ("🇩🇪", "DE"), ("क्ष", "ksh"), ("\u200d", "")]
with open("/tmp/rules.tsv", "w") as f:
    for a, b in rules: f.write(" ".join("%X" % ord(c) for c in a) + "\t" + " ".join("%X" % ord(c) for c in b) + "\n")
out = io.BytesIO()
spm.SentencePieceTrainer.train(sentence_iterator=iter(captions * 3), model_writer=out, vocab_size=80, normalization_rule_tsv="/tmp/rules.tsv", minloglevel=2)
from sentencepiece import sentencepiece_model_pb2 as pb
m = pb.ModelProto(); m.ParseFromString(out.getvalue())
charsmap = base64.b64encode(m.normalizer_spec.precompiled_charsmap).decode()
f = json.loads(unigram(P.Metaspace(), None, D.Metaspace()).to_str()); f["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "Precompiled", "precompiled_charsmap": charsmap}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]}
keep("precompiled", Tokenizer.from_str(json.dumps(f)))

# Added tokens with every flag.
def added(t):
    t.add_special_tokens([AddedToken("<mask>", lstrip=True), AddedToken("[SEP]", normalized=False)])
    t.add_tokens([AddedToken("word", single_word=True), AddedToken("Bird-Of", normalized=True, single_word=False), AddedToken("<pre>", lstrip=True, normalized=False), AddedToken("<post>", rstrip=True, normalized=False), AddedToken(" x", normalized=False), AddedToken("é", normalized=True), AddedToken("aa", single_word=True, rstrip=True, normalized=False)])
    return t
keep("added bpe", added(bpe(P.Whitespace(), N.Sequence([N.NFD(), N.Lowercase(), N.StripAccents()]))))
keep("added unigram", added(unigram(P.Metaspace(prepend_scheme="first"), N.Lowercase(), D.Metaspace())))
keep("added word piece", added(trained(models.WordPiece(unk_token="[UNK]"), trainers.WordPieceTrainer(vocab_size=240, limit_alphabet=110, special_tokens=specials, show_progress=False), P.BertPreTokenizer(), N.BertNormalizer(), D.WordPiece())))
keep("added llama", added(bpe(None, N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)]), special=["<unk>", "<s>", "</s>"] + byte_tokens, unk="<unk>", size=440, alphabet=60, byte_fallback=True, fuse_unk=True)))

def write(name, texts):
    out = {"texts": texts, "kinds": {}}
    for kind, t in kinds.items():
        file = json.loads(t.to_str())
        t = Tokenizer.from_str(t.to_str())
        t.post_processor = processors.ByteLevel(trim_offsets=True)
        ids = [t.encode(x).ids for x in texts]
        out["kinds"][kind] = {"file": file, "ids": ids, "decoded": [t.decode([i for i in x if i != 0], skip_special_tokens=True) for x in ids]}
    with gzip.GzipFile(name, "wb", 9, mtime=0) as f:
        f.write(json.dumps(out, separators=(",", ":")).encode())
write("kinds.json.gz", texts)
if len(sys.argv) > 2:
    write(sys.argv[2], [random_text() for _ in range(int(sys.argv[1]))])
print(len(kinds), "tokenizers,", len(texts), "texts")
