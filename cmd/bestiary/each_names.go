package main

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/bestiary-ml/bestiary/sample"
)

// slug returns the beginning of a text as a part of a file's name: letters and digits, with hyphens between words.
func slug(text string) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(text) {
		switch {
		case b.Len() >= 40:
			return b.String()
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			b.WriteRune(r)
			gap = false
		default:
			gap = true
		}
	}
	return b.String()
}

// made returns the pictures of prompts as they are written.
func (g *generateFlags) made(grid int, prompts []string, pictures []sample.Generated) []madePicture {
	all := make([]madePicture, len(pictures))
	for i, p := range pictures {
		n := i / max(1, g.options.N)
		name := fmt.Sprintf("%04d", p.Index+1)
		if words := slug(prompts[n]); words != "" {
			name = words + "-" + name
		}
		if len(prompts) > 1 {
			name = fmt.Sprintf("%04d-%s", n+1, name)
		}
		all[i] = madePicture{image: p.Image, name: name, Prompt: p.Prompt, Index: p.Index, Score: known(p.Score), Codes: p.Codes}
		if p.Codes != nil {
			all[i].Rows = grid
		}
	}
	return all
}
