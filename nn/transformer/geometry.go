package transformer

import "github.com/bestiary-ml/bestiary/fault"

// Geometry describes the positions of a sequence: first Text positions of text, the start token included, then the cells
// of a picture, row by row. The last cell is left out, because it is predicted but never read.
type Geometry struct {
	Text          int // positions of text
	Height, Width int // cells of the picture; 0, 0 if there is none
}

// Len returns the number of positions.
func (g Geometry) Len() int { return g.Text + max(g.cells()-1, 0) }

// cells is the number of cells of the picture, the last one included.
func (g Geometry) cells() int { return g.Height * g.Width }

// cell returns the row and column of a position; ok is false for text.
func (g Geometry) cell(position int) (row, column int, ok bool) {
	if position < g.Text {
		return 0, 0, false
	}
	return (position - g.Text) / g.Width, (position - g.Text) % g.Width, true
}

// columnMajor returns the positions in an order in which the cells of each column are neighbours.
func (g Geometry) columnMajor() []int32 {
	order := make([]int32, 0, g.Len())
	for p := range g.Text {
		order = append(order, int32(p))
	}
	for column := range g.Width {
		for row := range g.Height {
			if p := g.Text + row*g.Width + column; p < g.Len() {
				order = append(order, int32(p))
			}
		}
	}
	return order
}

func (g Geometry) validate() error {
	if g.Text < 1 || g.Text > MaxPositions {
		return fault.Field("TextLen", g.Text-1, "must be 0 to %d", MaxPositions-1)
	}
	if g.Height < 0 || g.Width < 0 || (g.Height == 0) != (g.Width == 0) || g.Height > MaxPositions || g.Width > MaxPositions {
		return fault.Field("Height", g.Height, "and Width %d must be 1 to %d cells", g.Width, MaxPositions)
	}
	if g.Len() > MaxPositions {
		return fault.Field("Height", g.Height, "with Width %d and %d positions of text makes %d positions; it must be at most %d", g.Width, g.Text, g.Len(), MaxPositions)
	}
	return nil
}
