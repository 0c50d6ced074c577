package train

import (
	"strings"
	"testing"
)

func TestBar(t *testing.T) {
	var out strings.Builder
	b := newBar(&out, 10, 100)
	b.step(40, "loss 0.5")
	b.say("held out")
	b.done()
	for _, want := range []string{"10%", "10/100", "40%", "loss 0.5", "held out\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %q", want, out.String())
		}
	}
}

// TestNarrow shows progress on 30 columns: no line is longer, and each but those of say is overwritten.
func TestNarrow(t *testing.T) {
	var out strings.Builder
	n := &narrow{w: &out, total: 20000, width: func() int { return 30 }}
	n.step(1200, "loss 0.1234  93 images/s  1h2m0s left")
	n.step(1300, "loss 0.1234  93 images/s  1h2m0s left")
	n.say("flow: step 1500/20000, held out: loss 0.12, which is a line that stays")
	n.step(1600, "loss 0.1  9.31 images/s  59m0s left")
	n.done()
	want := "1200/20000  loss 0.1234\r\x1b[K1300/20000  loss 0.1234\r\x1b[K" +
		"flow: step 1500/20000, held out: loss 0.12, which is a line that stays\n1600/20000  loss 0.1\r\x1b[K"
	if out.String() != want {
		t.Errorf("got %q\nwant %q", out.String(), want)
	}
	for _, width := range []int{1, 5, 29, 60, 200} {
		if got := fitted("1200/20000  loss 0.1234  93 images/s  1h2m0s left", width); len(got) > width || got == "" {
			t.Errorf("%d columns: %q", width, got)
		}
	}
}
