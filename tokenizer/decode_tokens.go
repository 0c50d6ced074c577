package tokenizer

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// eachToken is a decoder that changes every token on its own.
func eachToken(change func(string) string) decoder {
	return func(tokens []string) []string {
		for i, token := range tokens {
			tokens[i] = change(token)
		}
		return tokens
	}
}

// bytesOfTokens reads byte-level characters. A token with other characters stands for its own bytes.
func bytesOfTokens(tokens []string) []string {
	var text strings.Builder
	for _, token := range tokens {
		if body, ok := bytesOf(token); ok {
			token = body
		}
		text.WriteString(token)
	}
	return []string{lossy(text.String())}
}

// lossy replaces what is not UTF-8 by U+FFFD: one for every start of a character that is cut off, and for every other byte.
func lossy(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var out strings.Builder
	for text != "" {
		r, n := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && n == 1 {
			for n < len(text) && n < utf8.UTFMax && !utf8.FullRuneInString(text[:n]) && !utf8.RuneStart(text[n]) {
				n++
			}
			if n > 1 && utf8.FullRuneInString(text[:n]) {
				n-- // the last byte does not belong to it
			}
		}
		out.WriteRune(r)
		text = text[n:]
	}
	return out.String()
}

// bytesOfCodes reads tokens such as <0xE9>. If a run of them is not UTF-8, every byte becomes U+FFFD.
func bytesOfCodes(tokens []string) []string {
	var out []string
	var bytes []byte
	flush := func() {
		switch {
		case len(bytes) == 0:
		case utf8.Valid(bytes):
			out = append(out, string(bytes))
		default:
			for range bytes {
				out = append(out, "\uFFFD")
			}
		}
		bytes = bytes[:0]
	}
	for _, token := range tokens {
		if len(token) == 6 && strings.HasPrefix(token, "<0x") && token[5] == '>' {
			if b, err := strconv.ParseUint(token[3:5], 16, 8); err == nil {
				bytes = append(bytes, byte(b))
				continue
			}
		}
		flush()
		out = append(out, token)
	}
	flush()
	return out
}

// cleanup removes the blanks that splitting English into words leaves.
var cleanup = [][2]string{{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"}, {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}}

func (c *decoderSpec) wordPiece(tokens []string) []string {
	for i, token := range tokens {
		if i > 0 {
			if rest, ok := strings.CutPrefix(token, c.Prefix); ok {
				token = rest
			} else {
				token = " " + token
			}
		}
		for _, pair := range cleanup {
			if c.Cleanup {
				token = strings.ReplaceAll(token, pair[0], pair[1])
			}
		}
		tokens[i] = token
	}
	return tokens
}

func (c *decoderSpec) bpe(tokens []string) []string {
	for i, token := range tokens {
		blank := " "
		if i == len(tokens)-1 {
			blank = ""
		}
		if c.Suffix != "" {
			tokens[i] = strings.ReplaceAll(token, c.Suffix, blank)
		}
	}
	return tokens
}

// metaspace turns the replacement back into spaces, and drops the one that encoding put before the text.
func (c *decoderSpec) metaspace(tokens []string, dropFirst bool) []string {
	for i, token := range tokens {
		blank := " "
		if i == 0 && dropFirst {
			blank = ""
		}
		if c.Replacement != "" {
			tokens[i] = strings.ReplaceAll(token, c.Replacement, blank)
		}
	}
	return tokens
}

// strip drops up to Start characters at the start of a token and Stop at its end.
func (c *decoderSpec) strip(token string) string {
	if c.Content == "" {
		return token
	}
	for range min(c.Start, len(token)) {
		rest, ok := strings.CutPrefix(token, c.Content)
		if !ok {
			break
		}
		token = rest
	}
	for range min(c.Stop, len(token)) {
		rest, ok := strings.CutSuffix(token, c.Content)
		if !ok {
			break
		}
		token = rest
	}
	return token
}
