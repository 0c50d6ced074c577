"""Writes the files in this folder with Hugging Face's tokenizers (0.23.3), ftfy (6.3) and regex: pip install tokenizers ftfy regex.

Each NAME.json is a tokenizer and expected/NAME.json what it gives: [text, ids] pairs. The CLIP vocabulary is a small one in the
published format, learnt from the captions below; its expectations come from a plain transcription of what CLIP's tokenizer does
(clean-up, regular expression, merges), not from our own code.
"""
import gzip, html, json, os, random
import ftfy, regex
from tokenizers import Tokenizer, Regex, models, normalizers, pre_tokenizers, decoders, trainers, processors, AddedToken

os.chdir(os.path.dirname(os.path.abspath(__file__)))
os.makedirs("expected", exist_ok=True)
random.seed(7)

birds = "bird warbler sparrow gull woodpecker hummingbird jay cardinal finch tern albatross".split()
colours = "red yellow black white brown blue gray orange green olive".split()
parts = "wings belly bill crown throat tail breast eyes feet nape".split()
sizes = "small tiny large plump long-tailed medium-sized".split()
captions = []
for _ in range(400):
    b, c, d, p, q, s = (random.choice(x) for x in (birds, colours, colours, parts, parts, sizes))
    captions.append(random.choice([
        f"a {s} {c} {b} with {d} {p}.", f"This is a {s} {b}, it has a {c} {p} and {d} {q}!",
        f"the bird's {p} is {c}; it doesn't have {d} {q}", f"{b} with {c} {p} & {random.randint(2, 99)} cm {d} {q}",
        f"the {b} we've seen there's {c}-{d}, they'll say", f"{c.upper()} {b}"]))

texts = captions[:12] + [
    "", " ", "   ", "a", "bird", " bird", "  two  spaces  ", "trailing ", "tab\tand\nnew line\n\n  x", "I'm, you're, he'd, we'll; don't 'quote'",
    "IT'S THE BIRD'S", "x'ss 'll'll '", "123 4567 ½ Ⅷ ٣", "naïve façade Ångström ÉCOLE", "İstanbul ΣΟΦΟΣ ΣΑΣ Σ", "一只黄色的小鸟 with 黑色翅膀。", "日本語のテキスト 한국어",
    "emoji 🐦🐤 family 👩‍👩‍👧", "a\u00a0b\u2003c\u3000d\u0085e", "don’t “curl” ‘these’", "&lt;b&gt; Tom &amp;amp; Jerry &eacute; &#39;", "ﬁne ﬂow Ｆｕｌｌ１２", "zero\u200bwidth\u00adsoft\ufeff",
    "tab\x0bvertical\x0cform\x1fsep", "wow!!! $5.00 + 10% = ~#@[x]{y}^_`|<>", "e\u0301 a\u0308 (decomposed)", "ünïcödé ПРИВЕТ мир", "supercalifragilisticexpialidocious", "<|endoftext|> inside <|startoftext|>",
    "[UNK] [MASK] [CLS] [SEP]", "a" * 130, "unaffable-ish word##piece", "\u200f\u202eright\u0000to\ufffdleft", "x" + "\u0300" * 3 + "y", "bird." * 3, "unassigned \u0378",
]

def write(name, value):
    with open(name, "w", encoding="utf-8") as f:
        json.dump(value, f, ensure_ascii=True, separators=(",", ":"))
        f.write("\n")

def expect(name, tokenizer, texts=texts):
    tokenizer.save(f"{name}.json", pretty=False)
    write(f"expected/{name}.json", [[t, tokenizer.encode(t, add_special_tokens=False).ids] for t in texts])

write("captions.json", captions)

# Byte-level BPE as we train it: padding first, then the bytes.
def byte_level(specials, prefix=False, lower=False, size=500, frequency=2):
    t = Tokenizer(models.BPE())
    t.normalizer = normalizers.Lowercase() if lower else None
    t.pre_tokenizer, t.decoder = pre_tokenizers.ByteLevel(add_prefix_space=prefix), decoders.ByteLevel()
    t.train_from_iterator(captions, trainers.BpeTrainer(vocab_size=size, min_frequency=frequency, special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return t
expect("bytelevel", byte_level(["<|padding|>"]))
expect("bytelevel_prefix_lower", byte_level(["<|padding|>"], prefix=True, lower=True, size=420))

# One whose id 0 is no padding, with added tokens of every sort and a post-processor.
t = byte_level([], size=330)
t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
t.add_special_tokens([AddedToken("<|endoftext|>", special=True, normalized=False), AddedToken("[MASK]", special=True, lstrip=True)])
t.add_tokens([AddedToken("Warbler", normalized=True), AddedToken("bird's", rstrip=True, normalized=False)])
t.post_processor = processors.ByteLevel(trim_offsets=True)
expect("bytelevel_added", t)

# WordPiece with a BERT vocabulary of our own, one in Chinese and Latin letters.
words = sorted(set("".join(captions).lower())) + list("一只黄色的小鸟黑翅膀。")
vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [w for w in words if not w.isspace()]
vocab += ["##" + w for w in words if w.isalnum() and w.isascii()]
vocab += birds + colours + parts + ["with", "the", "this", "has", "is", "##er", "##ing", "##s", "##le", "un", "##aff", "##able", "naive", "word", "it", "façade", "NAIVE", "ecole", "École", "two", "and"]
vocab = list(dict.fromkeys(vocab))
with open("vocab.txt", "w", encoding="utf-8") as f:
    f.write("\n".join(vocab) + "\n")
def wordpiece(lower, strip=None):
    t = Tokenizer(models.WordPiece({w: i for i, w in enumerate(vocab)}, unk_token="[UNK]", max_input_chars_per_word=100))
    t.normalizer, t.pre_tokenizer = normalizers.BertNormalizer(lowercase=lower, strip_accents=strip), pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    t.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    return t
expect("wordpiece", wordpiece(True))
expect("wordpiece_cased", wordpiece(False))
expect("wordpiece_accents", wordpiece(True, False))

# CLIP. The vocabulary: merges learnt over words whose last character carries </w>.
alphabet = [chr(b) for b in (*range(33, 127), *range(161, 173), *range(174, 256))]
order = [ord(c) for c in alphabet]
for b in range(256):
    if b not in order:
        order.append(b)
        alphabet.append(chr(256 + len(alphabet) - 188))
mapped = dict(zip(order, alphabet))
# The case-insensitive flag matters for one character only, U+017F after an apostrophe.
expression = regex.compile(r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", regex.IGNORECASE)
def clip_words(text):
    text = html.unescape(html.unescape(ftfy.fix_text(text))).strip()
    text = regex.sub(r"\s+", " ", text).strip().lower()
    return expression.findall(text)
def symbols(word):
    s = [mapped[b] for b in word.encode()]
    return s[:-1] + [s[-1] + "</w>"]
corpus = [symbols(w) for c in captions for w in clip_words(c)]
merges = []
def joined(s, pair):
    out, i = [], 0
    while i < len(s):
        if tuple(s[i:i + 2]) == pair:
            out.append("".join(pair)); i += 2
        else:
            out.append(s[i]); i += 1
    return out
for _ in range(120):
    counts = {}
    for s in corpus:
        for pair in zip(s, s[1:]):
            counts[pair] = counts.get(pair, 0) + 1
    pair = max(counts, key=lambda p: (counts[p], p))
    merges.append(pair)
    corpus = [joined(s, pair) for s in corpus]
lines = ['"clip_vocab.txt#version: 0.2'] + [" ".join(m) for m in merges]
with gzip.GzipFile("clip_vocab.txt.gz", "wb", mtime=0) as f:
    f.write(("\n".join(lines) + "\n").encode())
names = alphabet + [a + "</w>" for a in alphabet] + ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
ids = {n: i for i, n in enumerate(names)}
def clip_ids(text):
    out = []
    for word in clip_words(text):
        if word in ("<|startoftext|>", "<|endoftext|>"):
            out.append(ids[word]); continue
        s = symbols(word)
        while len(s) > 1:
            best = min(zip(s, s[1:]), key=lambda p: merges.index(p) if p in merges else 1 << 30)
            if best not in merges:
                break
            s = joined(s, best)
        out += [ids[x] for x in s]
    return out
write("expected/clip_vocab.json", [[t, clip_ids(t)] for t in texts])

# The same as Hugging Face has CLIP.
t = Tokenizer(models.BPE(vocab=ids, merges=merges, end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
t.pre_tokenizer = pre_tokenizers.Sequence([
    pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), behavior="removed", invert=True),
    pre_tokenizers.ByteLevel(add_prefix_space=False)])
t.decoder = decoders.ByteLevel()
t.post_processor = processors.RobertaProcessing(("<|endoftext|>", ids["<|endoftext|>"]), ("<|startoftext|>", ids["<|startoftext|>"]), trim_offsets=False, add_prefix_space=False)
t.add_special_tokens([AddedToken("<|startoftext|>", special=True, normalized=True), AddedToken("<|endoftext|>", special=True, normalized=True)])
expect("clip", t)
