package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// bar is a progress bar on a terminal; elsewhere it shows nothing.
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
	_ = b.shown.Set(done) // progress that can't be drawn doesn't matter
}

func (b *bar) finish() {
	if b.shown != nil {
		_ = b.shown.Finish()
	}
}
