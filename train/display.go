package train

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// display shows progress.
type display interface {
	interval() time.Duration    // between two calls of step
	step(step int, text string) // progress
	say(line string)            // a line that stays
	done()
}

func newDisplay(w io.Writer, step, total int) display {
	if w == nil {
		return plain{io.Discard, total}
	}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if columns(f) < fullWidth {
			return &narrow{w: w, total: total, width: func() int { return columns(f) }}
		}
		return newBar(w, step, total)
	}
	return plain{w, total}
}

// plain writes lines, to a file or a pipe.
type plain struct {
	w     io.Writer
	total int
}

func (p plain) interval() time.Duration    { return 10 * time.Second }
func (p plain) step(step int, text string) { p.say(fmt.Sprintf("step %d/%d  %s", step, p.total, text)) }
func (p plain) say(line string)            { fmt.Fprintln(p.w, line) }
func (p plain) done()                      {}

// bar is a progress bar with lines above it.
type bar struct {
	w   io.Writer
	bar *progressbar.ProgressBar
}

func newBar(w io.Writer, step, total int) *bar {
	b := progressbar.NewOptions(total,
		progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(20), progressbar.OptionClearOnFinish(),
		progressbar.OptionShowCount(), progressbar.OptionShowDescriptionAtLineEnd(),
		progressbar.OptionSetElapsedTime(false), progressbar.OptionSetPredictTime(false))
	// Errors of the bar, here and below, are ignored: they are no reason to stop a training.
	_ = b.Set(step)
	return &bar{w, b}
}

func (b *bar) interval() time.Duration { return 200 * time.Millisecond }

func (b *bar) step(step int, text string) {
	b.bar.Describe(text)
	_ = b.bar.Set(step)
}

func (b *bar) say(line string) {
	_ = b.bar.Clear()
	fmt.Fprintln(b.w, line)
}

func (b *bar) done() { _ = b.bar.Finish() }
