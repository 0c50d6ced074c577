"""Writes clip_original.json.gz with the SimpleTokenizer of DALLE-pytorch (1.6.6) and ftfy (6.3.1):
pip install ftfy regex && pip install --no-deps dalle-pytorch==1.6.6; python clip.py bpe_simple_vocab_16e6.txt.gz [number file]

The file is {"texts": [...], "fixed": [...], "published": [[ids], ...], "cut": [[ids], ...]}: the texts, what ftfy makes of them, and
their ids with CLIP's published vocabulary and with the small clip_vocab.txt.gz. With a number and a file, so many more random texts go
to that file, for BESTIARY_CLIP_TEXTS. Mojibake that is repaired in another way than by ftfy differs there; clip_differences.json has it
for clip_original.json.gz.
"""
import gzip, json, os, random, sys, tempfile, types, unicodedata, importlib.util
import ftfy

published_path = os.path.abspath(sys.argv[1])
os.chdir(os.path.dirname(os.path.abspath(__file__)))
for name in ("torch", "youtokentome", "tokenizers", "tokenizers.processors", "transformers"):  # what the other tokenizers there need
    module = types.ModuleType(name)
    module.Tokenizer = module.ByteLevel = module.BertTokenizer = None
    sys.modules[name] = module
spec = importlib.util.find_spec("dalle_pytorch")
path = os.path.join(spec.submodule_search_locations[0], "tokenizer.py")
source = open(path).read().replace("\ntokenizer = SimpleTokenizer()\n", "\n")
dalle = types.ModuleType("dalle_tokenizer"); dalle.__file__ = path
exec(compile(source, path, "exec"), dalle.__dict__)

def simple(vocabulary):
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as f:
        f.write(gzip.open(vocabulary).read().decode().rstrip("\n")); f.flush()
        return dalle.SimpleTokenizer(f.name)
published, cut = simple(published_path), simple("clip_vocab.txt.gz")

random.seed(3)
captions = json.load(open("captions.json"))
words = "façade naïve déjà vu über Ångström école señor ça œuvre Straße coração à la carte ½ price “curly” ‘quotes’ — dash… bird’s €5 £3 ¥7 Привет мир птица Ελλάδα ΣΟΦΟΣ πουλί Łódź żółć čeština Győr İstanbul ığdır žluťoučký 一只黄色的小鸟 日本語 鳥 한국어 हिन्दी தமிழ் عربى עברית ไทย 🐦 👩‍👩‍👧 🇩🇪 © ® ™ ° №".split()
encodings = ["latin-1", "cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "cp1257", "iso-8859-2", "mac_roman", "cp437"]
def mojibake(text, times=1):
    for _ in range(times):
        data = text.encode("utf-8")
        encoding = random.choice(encodings[:2] * 3 + encodings)
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            text = data.decode(encoding, random.choice(["replace", "ignore"])) if random.random() < 0.5 else data.decode("latin-1")
    return text
entities = ["&amp;", "&lt;b&gt;", "&amp;amp;", "&eacute;", "&EACUTE;", "&NTILDE;", "&SZLIG;", "&#39;", "&#x27;", "&#0;", "&#x1c;", "&#150;", "&#x80;", "&#xD800;", "&#1114112;", "&#99999999999;", "&notit;", "&not", "&copy", "&nbsp;", "&hellip;", "&Jscr;", "&semi;", "&#59;", "&;", "&#;", "&#x;", "&amp;#39;", "&amp;lt;", "&ampamp;", "&CounterClockwiseContourIntegral;", "&unknown;", "&NOTREAL;", "&e&#x301;", "&ffilig;", "&FFILIG;"]
controls = ["\x00", "\x07", "\x0b", "\x1b[36;44m", "\x1b[0m", "\x1b", "\x7f", "\x80", "\x85", "\x91", "\x92", "\x93", "\x94", "\x96", "\x99", "\x9d", "\x81", "\xa0", "\xad", "\u200b", "\u2028", "\u206a", "\ufeff", "\ufff9", "\ufffd", "\r\n", "\n", "\t", "\x1c", "\u3000"]
wide = ["Ｆｕｌｌ", "１２", "ﾊﾝｶｸ", "ﾞ", "ﬁsh", "ﬃ", "ﬅ", "Ǆ", "ŉ", "Ĳ", "￠", "e\u0301", "A\u030a", "\u212b", "ſ", "'ſ", "ΑΣ", "ΑΣ.", "Α.Σ", "ΣΑΣ'Σ", "İ", "K", "'S", "DON'T", "<|startoftext|>", "!<|endoftext|>", "<|EndOfText|> x", "< b", "<br>", "½", "Ⅷ"]
fixed = ["", " ", "a photo of a cat.", "schÃ¶n", "sÃ³", "Ð¿ÑÐ¸Ð²ÐµÑ", "×©×œ×•×", "Ø¹Ø±Ø¨Ù‰", "à¤¹à¤¿à¤¨à¥à¤¦à¥€", "ä¸€åª", "\x85 and \x92s", "É € Ä‚ aÃ b", "Ê Å ÂÃÂ", "ﾊﾞ&#x1F600;", "Â°C", "25Â°", "Ã\u00a0 ", "ÃƒÂ‚Ã‚Â£", "Ăł", "tË†te"]
def random_text():
    parts = []
    for _ in range(random.randint(1, 6)):
        k = random.random()
        if k < .2: parts.append(random.choice(captions)[:random.randint(3, 40)])
        elif k < .4: parts.append(random.choice(words))
        elif k < .65: parts.append(mojibake(" ".join(random.choices(words, k=random.randint(1, 3))), random.choice([1, 1, 1, 2])))
        elif k < .75: parts.append(random.choice(entities))
        elif k < .85: parts.append(random.choice(controls))
        elif k < .95: parts.append(random.choice(wide))
        else: parts.append("".join(chr(random.choice([random.randint(0x20, 0x7e), random.randint(0x80, 0x24f), random.randint(0x2000, 0x2130), random.randint(0x370, 0x45f)])) for _ in range(random.randint(1, 6))))
    return random.choice([" ", "", " "]).join(parts)

def write(name, texts):
    texts = [t for t in texts if not any(unicodedata.category(c) == "Cn" for c in t)]  # the regex module knows a newer Unicode
    out = {"texts": texts, "fixed": [ftfy.fix_text(t) for t in texts], "published": [published.encode(t) for t in texts], "cut": [cut.encode(t) for t in texts]}
    with gzip.GzipFile(name, "wb", 9, mtime=0) as f:
        f.write(json.dumps(out, separators=(",", ":")).encode())
write("clip_original.json.gz", fixed + entities + wide + controls + words + [random_text() for _ in range(400)])
if len(sys.argv) > 3:
    write(sys.argv[3], [random_text() for _ in range(int(sys.argv[2]))])
