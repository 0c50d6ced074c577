package layout

// Interleave cuts sections into rows of columns pictures and returns the rows of all sections in turn. Pictures that
// belong together, such as originals and their reconstructions, then stand one above the other. 0 chooses the number of
// columns.
func Interleave(columns int, sections ...Section) []Section {
	counts, longest := make([]int, len(sections)), 0
	for i, s := range sections {
		counts[i] = len(s.Images)
		longest = max(longest, counts[i])
	}
	if columns <= 0 {
		columns = Columns(counts...)
	}
	cut := func(first, n int) (from, to int) { return min(first, n), min(first+columns, n) }
	var rows []Section
	for first := 0; first < longest; first += columns {
		for i, s := range sections {
			part := Section{Title: s.Title, attached: i > 0}
			from, to := cut(first, len(s.Images))
			part.Images = s.Images[from:to]
			from, to = cut(first, len(s.Captions))
			part.Captions = s.Captions[from:to]
			rows = append(rows, part)
		}
	}
	return rows
}
