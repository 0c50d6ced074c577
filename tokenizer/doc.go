// Package tokenizer turns text into token ids and back.
//
// It has these kinds of tokenizer:
//
//   - byte-level BPE, as in GPT-2 (Radford et al., 2019), which [Train] learns from captions;
//   - CLIP's BPE (Radford et al., 2021) with the vocabulary that OpenAI published;
//   - BERT's WordPiece (Devlin et al., 2018), also for Chinese;
//   - BPE over characters (Sennrich et al., 2016), Unigram (Kudo, 2018) and whole words, of a tokenizer.json.
//
// [Open] recognises which kind a file holds: a Hugging Face tokenizer.json (https://huggingface.co/docs/tokenizers), CLIP's
// bpe_simple_vocab_16e6.txt(.gz) (https://github.com/openai/CLIP), or BERT's vocab.txt. [Tokenizer.Save] writes any of them as
// a tokenizer.json that Hugging Face's library reads, too.
//
// # What is read of a tokenizer.json
//
// The ids are those of Hugging Face's tokenizers 0.23 for what is read; the rest is refused by its name.
//
//   - normalizers: BertNormalizer, ByteLevel, Lowercase, NFC, NFD, NFKC, NFKD, Nmt, Precompiled, Prepend, Replace, Sequence,
//     Strip, StripAccents;
//   - pre-tokenizers: BertPreTokenizer, ByteLevel, CharDelimiterSplit, Digits, FixedLength, Metaspace, Punctuation, Sequence,
//     Split, Whitespace, WhitespaceSplit (not UnicodeScripts);
//   - models: BPE (without dropout), Unigram, WordLevel, WordPiece;
//   - decoders: BPEDecoder, ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip, WordPiece (not CTC);
//   - added tokens with all flags, truncation (not OnlySecond) and padding.
//
// Regular expressions have the syntax of Oniguruma without back references, conditions, \R, \X, \G and \K, and without the
// repetition of what may be empty. Post-processors are ignored, as in DALLE-pytorch, which replaces them.
//
// # Ids and padding
//
// Id 0 is padding, real tokens are 1, 2, …, and [Tokenizer.VocabSize] counts both. (DALL-E gives the padding at each text
// position an id of its own, VocabSize + position; the model does that.) A file with a padding token at 0, as those that
// Save writes and BERT's, keeps its ids. In every other file id 0 is a real token ("!" in CLIP's), so all its ids move up by
// one.
//
// DALLE-pytorch uses the ids of the file as they are: its 0 is a token, padding and start of text all at once. A model
// imported from there needs these ids (49,408 for CLIP): [Options].FileIDs keeps them. In a caption, token 0 then means
// padding at its position, as in the training of that model. In CLIP's vocabulary token 0 is a "!" that does not end a
// word, which is rare.
//
// Special tokens are never added (no [CLS], no <|startoftext|>), as in DALLE-pytorch. No text encodes to a padding token at 0,
// also if it has its name.
package tokenizer
