package transformer

// shiftIndex describes the token shift: a token takes some quarters of its channels from other tokens. A token of text
// takes the first two quarters from the token before it; a cell of the picture takes the first from the cell above it and
// the second from the cell to its left. Quarters without a source are zero. With x [B, n, D] seen as [B, 4·n, D/4], entry
// j of the shifted sequence is entry index[j] of x, or zeros for −1.
func (g Geometry) shiftIndex() []int32 {
	index := make([]int32, 4*g.Len())
	for p := range g.Len() {
		sources := [4]int{p - 1, p - 1, p, p}
		if row, column, ok := g.cell(p); ok {
			sources = [4]int{p - g.Width, p - 1, p, p}
			if row == 0 {
				sources[0] = -1
			}
			if column == 0 {
				sources[1] = -1
			}
		}
		for quarter, source := range sources {
			index[4*p+quarter] = -1
			if source >= 0 {
				index[4*p+quarter] = int32(4*source + quarter)
			}
		}
	}
	return index
}
