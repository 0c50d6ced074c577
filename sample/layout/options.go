package layout

import (
	"image"
	"math"

	"github.com/bestiary-ml/bestiary/fault"
)

// Section is a block of pictures under one title, such as the samples of a class.
type Section struct {
	Title    string         // to the left of the pictures; may be empty
	Images   []*image.NRGBA // of any sizes; a cell is as large as the largest picture of the grid
	Captions []string       // below the pictures: none, or one for each picture
	attached bool           // belongs to the section above (see [Interleave])
}

// Options say how [Grid] arranges pictures. The zero value chooses everything automatically.
type Options struct {
	Title   string // above the grid; may be empty
	Columns int    // 0: chosen so that the grid is compact and its rows are full
	Scale   int    // every pixel becomes Scale×Scale pixels; 0: chosen so that small pictures are easy to see
	Dark    bool   // a dark background
}

// maxSide bounds the width and the height of a grid, in pixels: at most 1 GiB of memory.
const maxSide = 16384

// Check returns the error that [Grid] would return for sections of counts pictures of one size, without
// captions. It allocates nothing, so a program can check before it draws samples. Errors are [*fault.FieldError].
func (o Options) Check(size image.Point, counts ...int) error {
	_, _, err := o.arrange(size, false, counts)
	return err
}

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (o Options) Validate() error {
	if o.Columns < 0 || o.Columns > maxSide {
		return fault.Field("Columns", o.Columns, "must be 1 to %d, or 0 to choose automatically", maxSide)
	}
	if o.Scale < 0 || o.Scale > maxSide {
		return fault.Field("Scale", o.Scale, "must be 1 to %d, or 0 to choose automatically", maxSide)
	}
	return nil
}

// arrange chooses the columns and the scale for sections of counts pictures.
func (o Options) arrange(size image.Point, captioned bool, counts []int) (columns, scale int, err error) {
	if err := o.Validate(); err != nil {
		return 0, 0, err
	}
	widest, total := 0, 0
	for _, n := range counts {
		if n < 0 || n > maxSide*maxSide-total { // more pixels than the largest grid has
			return 0, 0, fault.Field("Images", n, "must be from 0 to %d pictures in all", maxSide*maxSide)
		}
		widest, total = max(widest, n), total+n
	}
	if widest == 0 {
		return 0, 0, fault.Field("Images", nil, "there are no pictures to draw; give one or more")
	}
	if size.X < 1 || size.Y < 1 || size.X > maxSide || size.Y > maxSide {
		return 0, 0, fault.Field("Images", size, "must have from 1 to %d pixels on each side", maxSide)
	}
	if columns = min(o.Columns, widest); columns == 0 {
		columns = Columns(counts...)
	}
	rows := rowsOf(counts, columns)
	if scale = o.Scale; scale == 0 {
		scale = autoScale(size, columns, rows, captioned)
	}
	if size.X > maxSide/scale/columns || size.Y > maxSide/scale/rows {
		return 0, 0, fault.Field("Images", nil,
			"%d columns and %d rows of %d×%d pixels at scale %d are more than %d pixels a side; draw fewer pictures at a time, or choose other Columns or a smaller Scale",
			columns, rows, size.X, size.Y, scale, maxSide)
	}
	return columns, scale, nil
}

// rowsOf is how many rows sections of counts pictures take; each section begins a row.
func rowsOf(counts []int, columns int) int {
	rows := 0
	for _, n := range counts {
		rows += (n + columns - 1) / columns
	}
	return rows
}

// Columns chooses the number of columns for sections of counts pictures: a compromise between a slightly wide rectangle
// and full rows.
func Columns(counts ...int) int {
	total, most := 0, 1
	for _, n := range counts {
		total += n
		most = max(most, n)
	}
	best, bestCost := 1, math.Inf(1)
	for c := 1; c <= min(most, 2*int(math.Sqrt(float64(total)))+3); c++ {
		rows := rowsOf(counts, c)
		if rows == 0 {
			continue
		}
		shape := math.Abs(math.Log(float64(c) / float64(rows) / 1.25))
		empty := 1 - float64(total)/float64(rows*c)
		if cost := shape + 4*empty; cost < bestCost {
			best, bestCost = c, cost
		}
	}
	return best
}

// autoScale enlarges pictures to about 192 pixels, or to 256 if there are at most six, as long as the grid stays below
// 1,400 pixels a side. Captions need 128 pixels.
func autoScale(size image.Point, columns, rows int, captioned bool) int {
	side := max(size.X, size.Y)
	cell := 192
	if columns*rows <= 6 {
		cell = 256
	}
	scale := min(cell/side, 1400/(columns*size.X), 1400/(rows*size.Y))
	if captioned {
		scale = max(scale, 128/side)
	}
	return max(1, scale)
}
