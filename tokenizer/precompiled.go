package tokenizer

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// charsmap is SentencePiece's compiled table of replacements: a double-array trie (Darts) whose values are positions in a text
// of replacements, each of which ends with a zero byte.
type charsmap struct {
	trie         []uint32
	replacements []byte
}

// newCharsmap reads the section Precompiled of a tokenizer.json: the size of the trie, the trie, and the replacements.
func newCharsmap(encoded string) (*charsmap, error) {
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(data) < 4 {
		return nil, damage("has a normaliser Precompiled that is not in base64")
	}
	size := uint64(binary.LittleEndian.Uint32(data))
	data = data[4:]
	if size > uint64(len(data)) || size%4 != 0 || size == 0 {
		return nil, damage("has a normaliser Precompiled whose trie of %d bytes does not fit into its %d bytes", size, len(data))
	}
	c := &charsmap{trie: make([]uint32, size/4), replacements: data[size:]}
	for i := range c.trie {
		c.trie[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	if !utf8.Valid(c.replacements) {
		return nil, damage("has a normaliser Precompiled whose replacements are not UTF-8")
	}
	return c, nil
}

// offset is the distance from a unit of the trie to its children.
func offset(unit uint32) uint32 { return unit >> 10 << (unit & (1 << 9) >> 6) }

// lookup returns the replacement of the shortest prefix of text that has one.
func (c *charsmap) lookup(text []byte) (replacement []byte, ok bool) {
	at := offset(c.trie[0])
	for _, b := range text {
		at ^= uint32(b)
		if b == 0 || int(at) >= len(c.trie) {
			return nil, false
		}
		unit := c.trie[at]
		if unit&(1<<31|0xFF) != uint32(b) {
			return nil, false
		}
		at ^= offset(unit)
		if unit>>8&1 == 1 {
			if int(at) >= len(c.trie) {
				return nil, false
			}
			from := int(c.trie[at] & (1<<31 - 1))
			if from > len(c.replacements) {
				return nil, false
			}
			rest := c.replacements[from:]
			if end := bytes.IndexByte(rest, 0); end >= 0 {
				rest = rest[:end]
			}
			return rest, true
		}
	}
	return nil, false
}

// maxGrapheme is the length in bytes from which on a user-perceived character is only replaced by its code points.
const maxGrapheme = 6

// normalize is the step that replaces user-perceived characters (graphemes), or else their code points.
func (c *charsmap) normalize(dst, text []byte, _ *scratch) []byte {
	state := -1
	for len(text) > 0 {
		var grapheme []byte
		grapheme, text, _, state = uniseg.FirstGraphemeCluster(text, state)
		if len(grapheme) < maxGrapheme {
			if replacement, ok := c.lookup(grapheme); ok {
				dst = append(dst, replacement...)
				continue
			}
		}
		for len(grapheme) > 0 {
			_, n := utf8.DecodeRune(grapheme)
			if replacement, ok := c.lookup(grapheme[:n]); ok {
				dst = append(dst, replacement...)
			} else {
				dst = append(dst, grapheme[:n]...)
			}
			grapheme = grapheme[n:]
		}
	}
	return dst
}
