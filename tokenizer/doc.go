// Package tokenizer turns text into ids and back.
//
// There are three kinds: byte-level BPE as GPT-2 has it, which [Train] learns from captions; CLIP's BPE with the vocabulary that OpenAI
// published; and BERT's WordPiece, which also reads Chinese. [Open] recognises which one a file holds: a Hugging Face tokenizer.json of
// the first or last kind, CLIP's bpe_simple_vocab_16e6.txt(.gz), or BERT's vocab.txt. [Tokenizer.Save] writes any of them as a
// tokenizer.json that Hugging Face's library reads too.
//
// # Ids and padding
//
// Id 0 is padding, real tokens are 1, 2, …, and [Tokenizer.VocabSize] counts both. (DALL-E then gives the padding at each position of the
// text an id of its own, VocabSize + position; that is the model's part.) A file that has a padding token at 0, as ours and BERT's have,
// keeps its ids. In every other file id 0 is a real token ("!" in CLIP's), so that all of its ids move up by one.
//
// DALLE-pytorch instead uses the ids of the file as they are, and its 0 is a token, padding and start of text all at once. A model imported
// from there needs the very same ids (49,408 of them for CLIP): [Options].FileIDs keeps them. A caption in which the token 0 occurs then
// means what it meant in that model's training: padding at that place. That CLIP token, a "!" that doesn't end a word, is rare.
//
// Special tokens are never added (no [CLS], no <|startoftext|>), as DALLE-pytorch doesn't either.
package tokenizer
