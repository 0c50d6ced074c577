package tokenizer

import (
	"regexp"
	"strings"
	"sync"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// cleanCLIP cleans text as CLIP does before lower-casing: ftfy.fix_text, then HTML is unescaped twice. White space needs no
// cleaning, as it only separates words.
func cleanCLIP(text string) string {
	if isPlain(text) && !strings.Contains(text, "&") {
		return text
	}
	text = unescapeHTML(unescapeHTML(fixText(text)))
	if strings.ContainsRune(text, 'Σ') { // its lower case depends on the place in the word
		return cases.Lower(language.Und).String(text)
	}
	return text
}

// isPlain reports whether text is ASCII without control characters, except those of white space.
func isPlain(text string) bool {
	for i := range len(text) {
		c := text[i]
		if c >= 0x7F || c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return true
}

// fixText repairs text as ftfy.fix_text does, line by line, but for mojibake ([fixEncoding]). HTML is unescaped up to the first line that has a "<".
func fixText(text string) string {
	var out strings.Builder
	escaped := true
	for line := range strings.Lines(text) {
		escaped = escaped && !strings.Contains(line, "<")
		out.WriteString(fixLine(line, escaped))
	}
	return out.String()
}

// terminalEscapes are the sequences that colour text in a terminal.
var terminalEscapes = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("\x1b\\[[\\p{Nd};]*[a-zA-Z]") })

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\u0085", "\n")

// fixLine repairs a line until nothing changes any more.
func fixLine(text string, escaped bool) string {
	for range maxRepairs {
		before := text
		if escaped {
			text = unescapeWholeHTML(text)
		}
		if isPlain(text) && !strings.Contains(text, "\r") {
			if text == before {
				break
			}
			continue // nothing to repair but HTML
		}
		text = lineEnds.Replace(plainCharacters().Replace(fixEncoding(text)))
		if strings.Contains(text, "\x1b") {
			text = terminalEscapes().ReplaceAllString(text, "")
		}
		text = norm.NFC.String(strings.Map(dropControls, text))
		if text == before {
			break
		}
	}
	return text
}

// dropControls drops the characters that ftfy takes out: control characters, and others without a shape or a meaning in text.
func dropControls(r rune) rune {
	switch {
	case r <= 8, r == 0x0B, 0x0E <= r && r <= 0x1F, r == 0x7F, 0x206A <= r && r <= 0x206F, r == 0xFEFF, 0xFFF9 <= r && r <= 0xFFFC:
		return -1
	}
	return r
}

// plainCharacters replaces characters as ftfy does: ligatures, full-width forms and curly quotes.
var plainCharacters = sync.OnceValue(func() *strings.Replacer {
	pairs := []string{"ﬅ", "ſt", "ŉ", "'n"}
	each := func(from, to rune, f func(string) string) {
		for r := from; r <= to; r++ {
			pairs = append(pairs, string(r), f(string(r)))
		}
	}
	as := func(s string) func(string) string { return func(string) string { return s } }
	for _, ligatures := range [][2]rune{{'Ĳ', 'ĳ'}, {'Ǆ', 'ǌ'}, {'Ǳ', 'ǳ'}, {'ﬀ', 'ﬄ'}, {'ﬆ', 'ﬆ'}, {0xFF01, 0xFFEF}, {0x3000, 0x3000}} {
		each(ligatures[0], ligatures[1], norm.NFKC.String)
	}
	each(0x02BC, 0x02BC, as("'"))
	each(0x2018, 0x201B, as("'"))
	each(0x201C, 0x201F, as(`"`))
	return strings.NewReplacer(pairs...)
})
