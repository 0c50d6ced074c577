package transformer

import "fmt"

// Geometry tells what the positions of a sequence are: first Text positions of text, the start token included, then
// the cells of a picture, row by row. The last cell is left out, because it is predicted but never looked at.
type Geometry struct {
	Text          int // positions of text
	Height, Width int // cells of the picture; 0, 0 if there is none
}

// Len is the number of positions.
func (g Geometry) Len() int { return g.Text + max(g.cells()-1, 0) }

// cells is the number of cells of the whole picture.
func (g Geometry) cells() int { return g.Height * g.Width }

// cell is the place of a position in the picture; ok is false for text.
func (g Geometry) cell(position int) (row, column int, ok bool) {
	if position < g.Text {
		return 0, 0, false
	}
	return (position - g.Text) / g.Width, (position - g.Text) % g.Width, true
}

// columnMajor lists the positions so that the cells of each column are neighbours.
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
	if g.Text < 1 || g.Text > maxPositions {
		return fmt.Errorf("text-len %d is not possible; use 1 to %d", g.Text-1, maxPositions-1)
	}
	if g.Height < 0 || g.Width < 0 || (g.Height == 0) != (g.Width == 0) || g.Height > maxPositions || g.Width > maxPositions {
		return fmt.Errorf("fmap %d×%d is not possible; use positive numbers", g.Height, g.Width)
	}
	if g.Len() > maxPositions {
		return fmt.Errorf("fmap %d×%d and %d positions of text are %d positions; use %d at most", g.Height, g.Width, g.Text, g.Len(), maxPositions)
	}
	return nil
}
