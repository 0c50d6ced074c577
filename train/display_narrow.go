package train

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// fullWidth is the number of columns that a bar with its figures takes.
const fullWidth = 80

// columns returns the width of a terminal, fullWidth if it is unknown.
func columns(f *os.File) int {
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return width
	}
	return fullWidth
}

// narrow shows progress on a terminal that is too narrow for a bar: a line of the figures that fit.
type narrow struct {
	w     io.Writer
	total int
	width func() int
	shown bool // a line that step may overwrite
}

func (n *narrow) interval() time.Duration { return 200 * time.Millisecond }

func (n *narrow) step(step int, text string) {
	n.clear()
	fmt.Fprint(n.w, fitted(fmt.Sprintf("%d/%d  %s", step, n.total, text), n.width()-1))
	n.shown = true
}

func (n *narrow) say(line string) {
	n.clear()
	fmt.Fprintln(n.w, line)
}

func (n *narrow) done() { n.clear() }

// clear erases the line of step.
func (n *narrow) clear() {
	if n.shown {
		fmt.Fprint(n.w, "\r\x1b[K")
	}
	n.shown = false
}

// fitted returns the figures, which two spaces separate, that fit into a number of columns: the first, and of the others
// those that still fit.
func fitted(text string, width int) string {
	parts := strings.Split(text, "  ")
	line := parts[0]
	for _, part := range parts[1:] {
		if len([]rune(line))+2+len([]rune(part)) <= width {
			line += "  " + part
		}
	}
	if runes := []rune(line); len(runes) > max(width, 1) {
		line = string(runes[:max(width, 1)])
	}
	return line
}
