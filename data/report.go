package data

import (
	"fmt"
	"strings"
)

// Problem is a picture that was left out, and why.
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
	Notes     []string  // whatever else a reader should know: stray files, photos that no list names
	FromCache bool      // the pictures were decoded by an earlier run
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
	if len(r.LeftOut) > 0 {
		reasons := make([]string, len(r.LeftOut))
		for i, p := range r.LeftOut {
			reasons[i] = fmt.Sprintf("%s (%s)", p.Name, p.Reason)
		}
		fmt.Fprintf(&b, "left out, replace or remove: %d: %s\n", len(r.LeftOut), join(reasons, 10))
	}
	for _, note := range r.Notes {
		b.WriteString(note + "\n")
	}
	return b.String()
}

// join lists words, the first few of them where there are many.
func join(words []string, most int) string {
	if len(words) <= most {
		return strings.Join(words, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(words[:most], ", "), len(words)-most)
}
