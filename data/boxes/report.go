package boxes

import (
	"fmt"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/printable"
)

// Kind says what became of what a [Problem] is about.
type Kind string

// The kinds.
const (
	PictureLeftOut Kind = "pictures left out"
	BoxLeftOut     Kind = "boxes left out"
	BoxClipped     Kind = "boxes that reach beyond their picture, clipped"
	PolygonLeftOut Kind = "polygons of masks left out"
	PolygonClipped Kind = "polygons of masks that reach beyond their picture, clipped"
	PolygonCrosses Kind = "polygons of masks that cross themselves, filled by the even-odd rule"
	SizeDiffers    Kind = "annotations with another size than their picture, whose own is used"
)

// kinds are all kinds in the order of a report.
var kinds = []Kind{PictureLeftOut, BoxLeftOut, BoxClipped, PolygonLeftOut, PolygonClipped, PolygonCrosses, SizeDiffers}

// Problem is something wrong with a dataset.
type Problem struct {
	Kind   Kind   `json:"kind"`
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"` // from 1; 0: the whole file
	Reason string `json:"reason"`
}

// String returns the problem as a sentence.
func (p Problem) String() string {
	if p.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Reason)
	}
	return fmt.Sprintf("%s: %s", p.File, p.Reason)
}

const (
	maxProblems = 10_000 // that are kept, and the first of each kind; the others are counted
	shownOfKind = 5      // that a description names
)

// Report says what is wrong with a dataset.
type Report struct {
	Problems []Problem    // the first 10,000, and of each kind the first five
	Counts   map[Kind]int // of all problems
	Empty    []string     // names of the pictures without boxes, which stay
	Notes    []string     // other remarks
}

// add adds a problem.
func (r *Report) add(kind Kind, at mark, reason string, args ...any) {
	if r.Counts == nil {
		r.Counts = map[Kind]int{}
	}
	r.Counts[kind]++
	if len(r.Problems) < maxProblems || r.Counts[kind] <= shownOfKind {
		r.Problems = append(r.Problems, Problem{kind, at.file, at.line, printable.Text(fmt.Sprintf(reason, args...))})
	}
}

// String returns a description of the set and its report as lines of text.
func (s *Set) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %d pictures, %d boxes\n", s.Layout, printable.Text(s.Path), len(s.Pictures), s.Boxes())
	var counts []string
	for i, n := range s.Counts() {
		counts = append(counts, fmt.Sprintf("%s %d", short(s.Classes[i]), n))
	}
	fmt.Fprintf(&b, "classes: %s\n", list(counts))
	if len(s.Report.Empty) > 0 {
		b.WriteString(data.Note("pictures without boxes", s.Report.Empty, 5) + "\n")
	}
	for _, kind := range kinds {
		n := s.Report.Counts[kind]
		if n == 0 {
			continue
		}
		var shown []string
		for _, p := range s.Report.Problems {
			if p.Kind == kind && len(shown) < shownOfKind {
				shown = append(shown, printable.Text(p.String()))
			}
		}
		fmt.Fprintf(&b, "%s: %d: %s", kind, n, strings.Join(shown, ", "))
		if n > len(shown) {
			fmt.Fprintf(&b, " and %d more", n-len(shown))
		}
		b.WriteByte('\n')
	}
	for _, note := range s.Report.Notes {
		b.WriteString(printable.Text(note) + "\n")
	}
	return b.String()
}

// short returns a name for a message.
func short(name string) string { return printable.Short(name) }

// list returns names for a message.
func list(names []string) string {
	shown := names[:min(len(names), 30)]
	text := printable.Text(strings.Join(shown, ", "))
	if len(shown) < len(names) {
		text += fmt.Sprintf(" and %d more", len(names)-len(shown))
	}
	return text
}
