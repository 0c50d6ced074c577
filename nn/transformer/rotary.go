package transformer

import "math"

// Rotary embeddings have three axes: text, row and column. A token has a place on each; on an axis of the other kind of token it
// has one of these.
const (
	cellsInText = 8192 // the place of all cells on the text axis
	textInCells = -10  // the place of all text tokens on the row and column axes
)

// Angles returns the rotary angles (Su et al., 2021) of the first n positions, [n, R] in row-major order, and R, as in
// DALLE-pytorch. Each third of a head's features is rotated by one place: in the text, the row and the column. With
// d = DimHead/3 features for an axis, there are ⌊d/2⌋ frequencies, each of which rotates a pair of features:
//
//	text:        10000^(−2i/d)·position
//	row, column: π·linspace(1, 5)[i]·place, with places linspace(−1, 1)
//
// Values are rounded to float32 where DALLE-pytorch rounds them, since angles on the text axis go up to 8192.
func (c Config) Angles(n int) (values []float32, r int) {
	g := c.Geometry
	d := c.DimHead / 3
	pairs := d / 2
	text := make([]float32, pairs)
	picture := make([]float32, pairs)
	for i := range pairs {
		text[i] = 1 / float32(math.Pow(10000, float64(float32(2*i)/float32(d))))
		picture[i] = linspace(1, 5, pairs, i) * math.Pi
	}
	r = 3 * pairs
	for p := range n {
		inText, inRows, inColumns := float32(p), float32(textInCells), float32(textInCells)
		if row, column, ok := g.cell(p); ok {
			inText, inRows, inColumns = cellsInText, linspace(-1, 1, g.Height, row), linspace(-1, 1, g.Width, column)
		}
		for _, axis := range []struct {
			frequencies []float32
			place       float32
		}{{text, inText}, {picture, inRows}, {picture, inColumns}} {
			for _, f := range axis.frequencies {
				values = append(values, f*axis.place)
			}
		}
	}
	return values, r
}

// linspace returns element i of n evenly spaced numbers from first to last. Like PyTorch, it counts from the nearer end.
func linspace(first, last float32, n, i int) float32 {
	if n == 1 {
		return first
	}
	step := (last - first) / float32(n-1)
	if i < n/2 {
		return first + step*float32(i)
	}
	return last - step*float32(n-1-i)
}
