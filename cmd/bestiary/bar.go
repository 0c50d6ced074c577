package main

import (
	"fmt"
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
	line        time.Time // when a line was shown instead of a bar
}

func newBar(out io.Writer, description string) *bar { return &bar{out: out, description: description} }

func (b *bar) update(done, total int) {
	file, ok := b.out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return
	}
	columns, _, err := term.GetSize(int(file.Fd()))
	if err != nil || columns <= 0 {
		columns = 80
	}
	b.draw(done, total, columns)
}

// besideBar is the number of columns that a bar takes beside its description: percentage, bar, count and times.
const besideBar = 60

// draw shows a bar, or a line on a terminal that is too narrow for a bar.
func (b *bar) draw(done, total, columns int) {
	if columns < len(b.description)+besideBar {
		if now := time.Now(); b.line.IsZero() || now.Sub(b.line) >= 100*time.Millisecond || done == total {
			text := []rune(fmt.Sprintf("%d/%d %s", done, total, b.description))
			fmt.Fprintf(b.out, "\r\x1b[K%s", string(text[:min(len(text), max(columns-1, 1))]))
			b.line = now
		}
		return
	}
	if b.shown == nil {
		b.shown = progressbar.NewOptions(total, progressbar.OptionSetWriter(b.out), progressbar.OptionSetDescription(b.description),
			progressbar.OptionShowCount(), progressbar.OptionSetWidth(20), progressbar.OptionClearOnFinish(),
			progressbar.OptionThrottle(100*time.Millisecond))
	}
	_ = b.shown.Set(done) // progress that can't be drawn doesn't matter
}

func (b *bar) finish() {
	if b.shown != nil {
		_ = b.shown.Finish()
	}
	if !b.line.IsZero() {
		fmt.Fprint(b.out, "\r\x1b[K")
		b.line = time.Time{}
	}
}
