package classifier

import (
	"strings"
	"unicode"
)

// Colours are the colour words of English captions that a classifier of attributes looks for unless it is given others.
// Spellings are separated by "|".
var Colours = []string{"red", "orange", "yellow", "green", "blue", "purple|violet", "pink", "brown", "black", "white", "grey|gray"}

// Mentions reports whether a caption has a word, in upper or lower case and as a whole word: "a red-winged bird" mentions
// red, "a bored bird" doesn't. The word may consist of several, and may have several spellings, "grey|gray".
func Mentions(caption, word string) bool {
	text := " " + plain(caption) + " "
	for spelling := range strings.SplitSeq(word, "|") {
		if s := plain(spelling); s != "" && strings.Contains(text, " "+s+" ") {
			return true
		}
	}
	return false
}

// plain returns the words of a text in lower case, with a blank between each.
func plain(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }), " ")
}

// mentionShare is the share of a picture's captions that must mention an attribute. A single one of ten people may be
// mistaken.
const mentionShare = 0.2

// AttributesOf returns 1 for each word that at least a fifth of a picture's captions mention, and 0 for the others.
func AttributesOf(captions, words []string) []float32 {
	all := make([]float32, len(words))
	for i, word := range words {
		n := 0
		for _, caption := range captions {
			if Mentions(caption, word) {
				n++
			}
		}
		if n > 0 && float64(n) >= mentionShare*float64(len(captions)) {
			all[i] = 1
		}
	}
	return all
}
