package data

import (
	"fmt"
	"strings"
)

// Problem is a picture or caption that was left out, and why.
type Problem struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Report says what a dataset holds and what was left out of it.
type Report struct {
	Source    string    // what was loaded, for a reader
	Classes   []string  // names of the classes
	Counts    []int     // pictures of each class
	LeftOut   []Problem // every picture that could not be decoded
	Captions  CaptionReport
	Notes     []string // whatever else a reader should know: stray files, photos that no list names
	FromCache bool     // the pictures were decoded by an earlier run
}

// CaptionReport says what became of the captions of a dataset. It is zero where there are none.
type CaptionReport struct {
	Total       int       // captions of the dataset's pictures
	Blank       []string  // every blank line that was passed over, as "file:line"
	LeftOut     []Problem // every line, "file:line", or file that is not the text it should be
	Uncaptioned []string  // every picture without a caption
	Required    bool      // those pictures were left out
	Orphans     []string  // every caption, or file of captions, without a picture
}

// Total returns the number of pictures.
func (r Report) Total() int {
	total := 0
	for _, n := range r.Counts {
		total += n
	}
	return total
}

// Imbalance returns how many times larger the largest class is than the smallest that has pictures: 1 if they are equal.
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

// String returns a few readable lines.
func (r Report) String() string {
	var b strings.Builder
	cached := ""
	if r.FromCache {
		cached = ", decoded earlier"
	}
	fmt.Fprintf(&b, "%s: %d pictures%s\n", r.Source, r.Total(), cached)
	counts := make([]string, len(r.Classes))
	for i, c := range r.Classes {
		counts[i] = fmt.Sprintf("%s %d", c, r.Counts[i])
	}
	fmt.Fprintf(&b, "classes: %s", join(counts, 40))
	if ratio := r.Imbalance(); ratio >= 1.05 {
		fmt.Fprintf(&b, " (largest is %.2f times the smallest)", ratio)
	}
	b.WriteByte('\n')
	list(&b, "left out, replace or remove", problems(r.LeftOut), 10)
	r.Captions.write(&b, r.Total())
	for _, note := range r.Notes {
		b.WriteString(note + "\n")
	}
	return b.String()
}

func (r CaptionReport) write(b *strings.Builder, pictures int) {
	if r.Total > 0 {
		fmt.Fprintf(b, "captions: %d, %.3g a picture\n", r.Total, float64(r.Total)/float64(max(pictures, 1)))
	}
	list(b, "captions left out, repair them", problems(r.LeftOut), 10)
	list(b, "blank caption lines, passed over", r.Blank, 10)
	use := "used without"
	if r.Required {
		use = "left out"
	}
	list(b, "pictures without captions, "+use, r.Uncaptioned, 5)
	list(b, "captions without a picture, left out", r.Orphans, 5)
}

// list writes how many names there are and the first of them, or nothing if there are none.
func list(b *strings.Builder, what string, names []string, most int) {
	if len(names) > 0 {
		b.WriteString(Note(what, names, most) + "\n")
	}
}

// Note is a line of a report: what, how many, and the names of the first few.
func Note(what string, names []string, most int) string {
	return fmt.Sprintf("%s: %d: %s", what, len(names), join(names, most))
}

func problems(all []Problem) []string {
	reasons := make([]string, len(all))
	for i, p := range all {
		reasons[i] = fmt.Sprintf("%s (%s)", p.Name, p.Reason)
	}
	return reasons
}

// join lists words, the first few of them where there are many.
func join(words []string, most int) string {
	if len(words) <= most {
		return strings.Join(words, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(words[:most], ", "), len(words)-most)
}
