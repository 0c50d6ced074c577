package main

import (
	"regexp"
	"strings"
	"testing"
)

// TestNarrowBar draws progress on 30 columns: each line fits and is erased, and no line follows another.
func TestNarrowBar(t *testing.T) {
	var out strings.Builder
	b := newBar(&out, "decoding pictures of a folder")
	for i := range 12001 {
		b.draw(i, 12000, 30)
	}
	b.finish()
	text := regexp.MustCompile("\x1b\\[K").ReplaceAllString(out.String(), "")
	if strings.Contains(text, "\n") || !strings.Contains(text, "12000/12000 decoding") || !strings.HasSuffix(text, "\r") {
		t.Errorf("drew %q", text)
	}
	for _, line := range strings.Split(text, "\r") {
		if len(line) > 29 {
			t.Errorf("%q is longer than 29 columns", line)
		}
	}
	out.Reset()
	wide := newBar(&out, "drawing")
	wide.draw(5, 10, 100)
	wide.finish()
	if !strings.Contains(out.String(), "50%") {
		t.Errorf("drew %q", out.String())
	}
}
