package tokenizer

// Byte-level BPE writes every byte as one printable character, so that a vocabulary is readable text (GPT-2's
// bytes_to_unicode). A byte that is a printable, non-blank Latin-1 character stands for itself. The others are U+0100,
// U+0101, … in order.
var (
	byteOrder []byte         // the bytes in the order of CLIP's vocabulary: first those that stand for themselves
	byteRune  [256]rune      // the character of a byte
	runeByte  map[rune]uint8 // the byte of a character
)

func init() {
	runeByte = make(map[rune]uint8, 256)
	var others []byte
	for b := range 256 {
		if r := rune(b); '!' <= r && r <= '~' || '¡' <= r && r <= '¬' || '®' <= r && r <= 'ÿ' {
			byteOrder = append(byteOrder, byte(b))
			byteRune[b] = r
		} else {
			byteRune[b] = rune(0x100 + len(others))
			others = append(others, byte(b))
		}
		runeByte[byteRune[b]] = byte(b)
	}
	byteOrder = append(byteOrder, others...)
}

// bytesOf returns the bytes of a token; false if a character of the token stands for no byte.
func bytesOf(token string) (string, bool) {
	text := make([]byte, 0, len(token))
	for _, r := range token {
		b, ok := runeByte[r]
		if !ok {
			return "", false
		}
		text = append(text, b)
	}
	return string(text), true
}
