package data

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// DecodeText returns text in UTF-8, without a byte order mark and with \n at the ends of lines, of text in UTF-8 or UTF-16.
// UTF-16 is recognised by its byte order mark, or by the zero bytes of its ASCII characters. Text in UTF-8 need not be
// valid. The ends of lines may be \n, \r\n or \r.
func DecodeText(text []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(text, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(text, []byte("\x00\x00\xfe\xff")):
		return nil, errors.New("in UTF-32; save it as UTF-8")
	case bytes.HasPrefix(text, []byte("\xff\xfe")):
		return fromUTF16(text[2:], binary.LittleEndian)
	case bytes.HasPrefix(text, []byte("\xfe\xff")):
		return fromUTF16(text[2:], binary.BigEndian)
	}
	if order := orderOf(text); order != nil {
		return fromUTF16(text, order)
	}
	return endLines(bytes.TrimPrefix(text, []byte("\ufeff"))), nil
}

// maxList is the size of a list in a dataset, in bytes.
const maxList = 256 << 20

// ReadList reads a text file that lists the files of a dataset, such as list.txt of the pets; see [DecodeText]. Its errors
// do not name the file.
func ReadList(path string) ([]byte, error) {
	text, err := readFile(path, maxList)
	if err != nil {
		return nil, err
	}
	return DecodeText(text)
}

// orderOf returns the byte order of UTF-16 without a mark, or nil if the text is not that: at least a quarter of its
// characters have a zero byte on one side, and none on the other.
func orderOf(text []byte) binary.ByteOrder {
	if len(text)%2 != 0 || len(text) == 0 {
		return nil
	}
	var zeros [2]int
	for i, b := range text {
		if b == 0 {
			zeros[i%2]++
		}
	}
	enough := max(len(text)/8, 1)
	switch {
	case zeros[0] == 0 && zeros[1] >= enough:
		return binary.LittleEndian
	case zeros[1] == 0 && zeros[0] >= enough:
		return binary.BigEndian
	}
	return nil
}

func fromUTF16(text []byte, order binary.ByteOrder) ([]byte, error) {
	if len(text)%2 != 0 {
		return nil, errors.New("not valid UTF-16; save it as UTF-8")
	}
	var out []byte
	for i := 0; i < len(text); i += 2 {
		r := rune(order.Uint16(text[i:]))
		if utf16.IsSurrogate(r) {
			low := rune(0)
			if i += 2; i < len(text) {
				low = rune(order.Uint16(text[i:]))
			}
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				return nil, errors.New("not valid UTF-16; save it as UTF-8")
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return endLines(out), nil
}

// endLines replaces \r\n and \r by \n.
func endLines(text []byte) []byte {
	if bytes.IndexByte(text, '\r') < 0 {
		return text
	}
	return bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
}

// trimCaption removes blanks, and invisible characters that are no part of another character, from both ends.
func trimCaption(s string) string {
	return strings.TrimFunc(s, func(r rune) bool {
		switch r {
		case '\u200b', '\u200e', '\u200f', '\u2060', '\ufeff': // zero-width space, marks of direction, word joiner, byte order mark
			return true
		}
		return unicode.IsSpace(r) || unicode.IsControl(r)
	})
}

// visible reports whether a caption has a character that can be seen: not only blanks, control and format characters, marks
// and fillers.
func visible(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		switch r {
		case '\u115f', '\u1160', '\u2800', '\u3164', '\uffa0': // Hangul fillers, blank Braille
			return false
		}
		return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.In(r, unicode.M, unicode.Zs)
	})
}
