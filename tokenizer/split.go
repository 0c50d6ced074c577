package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// A splitter finds the next word of text at or after byte at; start == len(text) if there is none. Text between words is dropped.
type splitter func(text []byte, at int) (start, end int)

// class is the class of a character in the regular expressions below.
type class uint8

const (
	other  class = iota // [^\s\p{L}\p{N}]
	letter              // \p{L}
	number              // \p{N}
	blank               // \s
)

var asciiClass [utf8.RuneSelf]class

func init() {
	for r := range asciiClass {
		asciiClass[r] = classOf(rune(r))
	}
}

func classOf(r rune) class {
	switch {
	case isLetter(r):
		return letter
	case isNumber(r):
		return number
	case unicode.IsSpace(r):
		return blank
	}
	return other
}

// classAt returns the class of the character at byte at, and its length in bytes.
func classAt(text []byte, at int) (class, int) {
	if c := text[at]; c < utf8.RuneSelf {
		return asciiClass[c], 1
	}
	r, n := utf8.DecodeRune(text[at:])
	return classOf(r), n
}

// runEnd returns the end of the run of characters of one class from at on.
func runEnd(text []byte, at int, c class) int {
	for at < len(text) {
		d, n := classAt(text, at)
		if d != c {
			break
		}
		at += n
	}
	return at
}

// contraction returns the length of 's 't 're 've 'm 'll 'd at byte at, 0 if there is none.
func contraction(text []byte, at int) int {
	if text[at] != '\'' || at+1 >= len(text) {
		return 0
	}
	switch text[at+1] {
	case 's', 't', 'm', 'd':
		return 2
	case 'r', 'v':
		if at+2 < len(text) && text[at+2] == 'e' {
			return 3
		}
	case 'l':
		if at+2 < len(text) && text[at+2] == 'l' {
			return 3
		}
	}
	return 0
}

// gpt2Pattern is the regular expression of byte-level BPE, which [splitGPT2] implements. There is no text between its words.
const gpt2Pattern = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

func splitGPT2(text []byte, at int) (start, end int) {
	if at >= len(text) {
		return len(text), len(text)
	}
	if n := contraction(text, at); n > 0 {
		return at, at + n
	}
	word := at // start of the characters, after one optional space
	if text[at] == ' ' && at+1 < len(text) {
		word++
	}
	c, n := classAt(text, word)
	if c != blank {
		return at, runEnd(text, word+n, c)
	}
	end = runEnd(text, at, blank)
	if end == len(text) {
		return at, end
	}
	// The last blank belongs to the next word, unless it is the only one.
	if _, n := utf8.DecodeLastRune(text[at:end]); at+n < end {
		return at, end - n
	}
	return at, end
}

// clipPattern is the regular expression of CLIP's BPE for lower-cased text, which [splitCLIP] implements. Blanks are dropped.
// (The original also contains the two special tokens; here they are added tokens, which are found before.)
const clipPattern = `'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`

func splitCLIP(text []byte, at int) (start, end int) {
	at = runEnd(text, at, blank)
	if at >= len(text) {
		return len(text), len(text)
	}
	if n := contraction(text, at); n > 0 {
		return at, at + n
	}
	c, n := classAt(text, at)
	if c == number {
		return at, at + n
	}
	return at, runEnd(text, at+n, c)
}

// splitBERT splits at blanks, which are dropped. Every punctuation character is a word.
func splitBERT(text []byte, at int) (start, end int) {
	at = runEnd(text, at, blank)
	for end = at; end < len(text); {
		r, n := utf8.DecodeRune(text[end:])
		if unicode.IsSpace(r) {
			break
		}
		if isPunctuation(r) {
			if end == at {
				end += n
			}
			break
		}
		end += n
	}
	return at, end
}

// isPunctuation reports whether r is punctuation. As in BERT, that is every ASCII character that is no letter, digit or
// blank, also "$" and "~".
func isPunctuation(r rune) bool {
	if r < utf8.RuneSelf {
		return r > ' ' && r < 0x7F && asciiClass[r] == other
	}
	return unicode.Is(punctuation, r)
}

// splitNothing makes the whole text one word.
func splitNothing(text []byte, at int) (start, end int) {
	if at >= len(text) {
		return len(text), len(text)
	}
	return 0, len(text)
}
