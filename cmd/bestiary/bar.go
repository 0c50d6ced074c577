package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// bar shows progress on a terminal and nothing elsewhere.
type bar struct {
	out         io.Writer
	description string
	shown       *progressbar.ProgressBar
}

func newBar(out io.Writer, description string) *bar { return &bar{out: out, description: description} }

func (b *bar) update(done, total int) {
	if file, ok := b.out.(*os.File); !ok || !term.IsTerminal(int(file.Fd())) {
		return
	}
	if b.shown == nil {
		b.shown = progressbar.NewOptions(total, progressbar.OptionSetWriter(b.out), progressbar.OptionSetDescription(b.description),
			progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(),
			progressbar.OptionThrottle(100*time.Millisecond))
	}
	_ = b.shown.Set(done) // a progress bar that can't be drawn is no reason to stop
}

func (b *bar) finish() {
	if b.shown != nil {
		_ = b.shown.Finish()
	}
}
