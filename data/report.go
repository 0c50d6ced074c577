package data

import (
	"fmt"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/printable"
)

// Problem is a picture or caption that was left out, with the reason.
type Problem struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Report says what was loaded and what was left out.
type Report struct {
	Source    string    // description of what was loaded
	Classes   []string  // names of the classes
	Counts    []int     // pictures of each class
	LeftOut   []Problem // pictures that could not be decoded
	Captions  CaptionReport
	Notes     []string // other remarks: stray files, photos that no list names
	FromCache bool     // nothing was decoded: pictures and captions are those of the last time
}

// CaptionReport says which captions were loaded and which were left out. It is zero for a dataset without captions.
type CaptionReport struct {
	Total       int       // captions of the dataset's pictures
	Blank       []string  // blank lines that were skipped, as "file:line"
	LeftOut     []Problem // lines ("file:line") and files that are not valid text
	Uncaptioned []string  // pictures without a caption
	Required    bool      // the pictures without a caption were left out
	Orphans     []string  // captions, or files of captions, without a picture
}

// Total returns the number of pictures.
func (r Report) Total() int {
	total := 0
	for _, n := range r.Counts {
		total += n
	}
	return total
}

// Imbalance returns the size of the largest class divided by that of the smallest class that has pictures.
func (r Report) Imbalance() float64 {
	smallest, largest := 0, 0
	for _, n := range r.Counts {
		if n > 0 && (smallest == 0 || n < smallest) {
			smallest = n
		}
		largest = max(largest, n)
	}
	if smallest == 0 {
		return 1
	}
	return float64(largest) / float64(smallest)
}

// Empty returns the classes without a picture.
func (r Report) Empty() (classes []string) {
	for i, n := range r.Counts {
		if n == 0 && i < len(r.Classes) {
			classes = append(classes, r.Classes[i])
		}
	}
	return classes
}

// String returns the report as lines of text. Names and reasons are printable, whatever the files are called.
func (r Report) String() string {
	var b strings.Builder
	cached := ""
	if r.FromCache {
		cached = ", decoded earlier"
	}
	fmt.Fprintf(&b, "%s: %d pictures%s\n", printable.Text(r.Source), r.Total(), cached)
	counts := make([]string, min(len(r.Classes), len(r.Counts)))
	for i := range counts {
		counts[i] = fmt.Sprintf("%s %d", printable.Short(r.Classes[i]), r.Counts[i])
	}
	fmt.Fprintf(&b, "classes: %s", join(counts, 40))
	if ratio := r.Imbalance(); ratio >= 1.05 {
		fmt.Fprintf(&b, " (largest is %.2f times the smallest)", ratio)
	}
	b.WriteByte('\n')
	list(&b, "classes without a picture", r.Empty(), 10)
	list(&b, "left out, replace or remove", problems(r.LeftOut), 10)
	r.Captions.write(&b, r.Total())
	for _, note := range r.Notes {
		b.WriteString(printable.Text(note) + "\n")
	}
	return b.String()
}

func (r CaptionReport) write(b *strings.Builder, pictures int) {
	if r.Total > 0 {
		fmt.Fprintf(b, "captions: %d, %.3g a picture\n", r.Total, float64(r.Total)/float64(max(pictures, 1)))
	}
	list(b, "captions left out, repair them", problems(r.LeftOut), 10)
	list(b, "blank caption lines, skipped", r.Blank, 10)
	use := "used without"
	if r.Required {
		use = "left out"
	}
	list(b, "pictures without captions, "+use, r.Uncaptioned, 5)
	list(b, "captions without a picture, left out", r.Orphans, 5)
}

// list writes a [Note], or nothing if there are no names.
func list(b *strings.Builder, what string, names []string, most int) {
	if len(names) > 0 {
		b.WriteString(Note(what, names, most) + "\n")
	}
}

// Note returns a line of a report: what, the number of names, and the first names.
func Note(what string, names []string, most int) string {
	return fmt.Sprintf("%s: %d: %s", what, len(names), join(names, most))
}

// AddNote adds a [Note] to the source's notes if there are names.
func (s *Source) AddNote(what string, names []string) {
	if len(names) > 0 {
		s.Notes = append(s.Notes, Note(what, names, 5))
	}
}

// problems returns problems as text.
func problems(all []Problem) []string {
	reasons := make([]string, len(all))
	for i, p := range all {
		reasons[i] = fmt.Sprintf("%s (%s)", nameOf(p.Name), printable.Text(p.Reason))
	}
	return reasons
}

// join lists the names, at most the given number of them.
func join(names []string, most int) string {
	shown := make([]string, min(len(names), most))
	for i := range shown {
		shown[i] = nameOf(names[i])
	}
	if len(names) <= most {
		return strings.Join(shown, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(shown, ", "), len(names)-most)
}

// maxName is the number of characters of a name that are shown.
const maxName = 250

// nameOf returns a name for a message: printable, and without its middle if it is very long.
func nameOf(name string) string {
	runes := []rune(printable.Text(name))
	if len(runes) <= maxName {
		return string(runes)
	}
	return string(runes[:maxName/2]) + "…" + string(runes[len(runes)-maxName/2:])
}
