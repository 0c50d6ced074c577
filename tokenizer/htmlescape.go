package tokenizer

import (
	"html"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// unescapeHTML replaces character references as Python's html.unescape does: names as package html, but numbers of control
// characters and of what is no character vanish.
func unescapeHTML(text string) string {
	if !strings.Contains(text, "&#") {
		return html.UnescapeString(text)
	}
	var out strings.Builder
	for text != "" {
		at := strings.Index(text, "&#")
		if at < 0 {
			break
		}
		out.WriteString(html.UnescapeString(text[:at]))
		replacement, n := numericReference(text[at:])
		if n == 0 {
			replacement, n = "&#", 2
		}
		out.WriteString(replacement)
		text = text[at+n:]
	}
	out.WriteString(html.UnescapeString(text))
	return out.String()
}

// numericReference returns what a reference such as &#38; or &#x26 at the start of text stands for, and its length; 0 if there is
// none.
func numericReference(text string) (replacement string, n int) {
	base, digits, start := 10, "0123456789", 2
	if len(text) > 2 && (text[2] == 'x' || text[2] == 'X') {
		base, digits, start = 16, "0123456789abcdefABCDEF", 3
	}
	n = start
	for n < len(text) && strings.IndexByte(digits, text[n]) >= 0 {
		n++
	}
	if n == start {
		return "", 0
	}
	number, err := strconv.ParseUint(text[start:n], base, 32)
	if n < len(text) && text[n] == ';' {
		n++
	}
	r := rune(number)
	switch {
	case err != nil || number > utf8.MaxRune || 0xD800 <= r && r <= 0xDFFF || r == 0:
		return "\uFFFD", n
	case r == '\r':
		return "\r", n
	case 0x80 <= r && r <= 0x9F:
		return string(singleBytes()[0].decode[r]), n
	case r < 0x20 && r != '\t' && r != '\n' && r != '\f', r == 0x7F, 0xFDD0 <= r && r <= 0xFDEF, r&0xFFFE == 0xFFFE:
		return "", n
	}
	return string(r), n
}

// unescapeWholeHTML replaces only references that end with a semicolon, as ftfy does, also names in capitals: &EACUTE; is É.
func unescapeWholeHTML(text string) string {
	if !strings.Contains(text, "&") {
		return text
	}
	var out strings.Builder
	for {
		at := strings.IndexByte(text, '&')
		if at < 0 {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(text[:at])
		text = text[at:]
		n := 1
		if n < len(text) && text[n] == '#' {
			n++
		}
		name := n
		for n < len(text) && n-name < 25 && text[n] < utf8.RuneSelf && (asciiClass[text[n]] == letter || asciiClass[text[n]] == number) {
			n++
		}
		if n == name || n-name > 24 || n >= len(text) || text[n] != ';' {
			out.WriteByte('&')
			text = text[1:]
			continue
		}
		out.WriteString(wholeReference(text[:n+1]))
		text = text[n+1:]
	}
}

// wholeReference returns what a reference stands for; itself if it is none.
func wholeReference(reference string) string {
	if reference[1] == '#' {
		if replacement, n := numericReference(reference); n == len(reference) && !strings.Contains(replacement, ";") {
			return replacement
		}
		return reference
	}
	exact := func(reference string) (string, bool) {
		replacement := html.UnescapeString(reference)
		return replacement, reference == "&semi;" || !strings.HasSuffix(replacement, ";")
	}
	if replacement, ok := exact(reference); ok {
		return replacement
	}
	if reference != strings.ToUpper(reference) || html.UnescapeString(reference) != reference {
		return reference
	}
	if replacement, ok := exact(strings.ToLower(reference)); ok {
		return cases.Upper(language.Und).String(replacement)
	}
	return reference
}
