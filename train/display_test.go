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
