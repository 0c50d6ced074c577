package transformer

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/tensor"
)

// Pattern is the attention pattern of a layer: which keys a query may attend to. In every pattern, text attends to the
// text before it and a cell of the picture to all text. Patterns differ in the cells that a cell attends to.
type Pattern string

// The patterns. The first four are those of Ramesh et al. (2021, figure 11) and Child et al. (2019).
const (
	Full     Pattern = "full"      // all cells before it
	AxialRow Pattern = "axial_row" // the cells before it in its row
	AxialCol Pattern = "axial_col" // the cells above it in its column
	ConvLike Pattern = "conv_like" // a square window of cells with itself at the bottom right
	Sparse   Pattern = "sparse"    // blocks of 16 positions: text, a local window, and a random quarter of all
)

// Patterns lists all patterns.
var Patterns = []Pattern{Full, AxialRow, AxialCol, ConvLike, Sparse}

// Mask returns the attention mask of a layer, for the positions of the Geometry; nil if every position attends to every other.
func (c Config) Mask(d *tensor.Device, layer int) *tensor.AttentionMask {
	allowed := c.allowed(layer)
	if allowed == nil {
		return nil
	}
	var order []int32
	if c.pattern(layer) == AxialCol {
		order = c.Geometry.columnMajor()
	}
	n := c.Geometry.Len()
	return d.NewAttentionMask(n, n, order, allowed)
}

// maskKey is equal for layers with equal masks: only sparse masks differ from layer to layer.
func (c Config) maskKey(layer int) string {
	if c.pattern(layer) == Sparse {
		return fmt.Sprintf("%s %d", Sparse, layer)
	}
	return string(c.pattern(layer))
}

// allowed returns whether a query may attend to a key, both given as positions; nil if every query may attend to every key.
func (c Config) allowed(layer int) func(query, key int) bool {
	if !c.Causal {
		return nil
	}
	var sees func(query, key int) bool // of two cells, the key not after the query
	g := c.Geometry
	switch c.pattern(layer) {
	case Full:
		return func(query, key int) bool { return key <= query }
	case Sparse:
		layout := c.sparseLayout(layer)
		return func(query, key int) bool { return key <= query && layout(query, key) }
	case AxialRow:
		sees = func(query, key int) bool { return (query-g.Text)/g.Width == (key-g.Text)/g.Width }
	case AxialCol:
		sees = func(query, key int) bool { return (query-key)%g.Width == 0 }
	case ConvLike:
		within := func(distance int) bool {
			return distance >= 0 && distance < c.ConvKernel*c.ConvDilation && distance%c.ConvDilation == 0
		}
		sees = func(query, key int) bool {
			row, column, _ := g.cell(query)
			keyRow, keyColumn, _ := g.cell(key)
			return within(row-keyRow) && within(column-keyColumn)
		}
	}
	return func(query, key int) bool {
		return key <= query && (key < g.Text || sees(query, key))
	}
}

// Sizes of the block-sparse pattern: DeepSpeed's defaults, which DALLE-pytorch uses.
const (
	sparseBlock = 16 // positions of a block
	sparseLocal = 4  // blocks of a local window
)

// sparseLayout is the block-sparse pattern of DeepSpeed's VariableSparsityConfig with DALLE-pytorch's settings. Positions
// are cut into blocks of 16. A block of queries attends to the blocks of text, the blocks of its window (windows of four
// blocks, side by side) and a random quarter of all blocks. DeepSpeed draws the random blocks anew in every process; here
// they follow from the number of the layer.
func (c Config) sparseLayout(layer int) func(query, key int) bool {
	n := c.Geometry.Len()
	blocks := (n + sparseBlock - 1) / sparseBlock
	random := tensor.NewGenerator(0).Fork(fmt.Sprint("sparse attention of layer ", layer))
	chosen := make([]bool, blocks*blocks)
	for row := range blocks {
		for _, column := range random.Permutation(blocks)[:n/sparseBlock/4] {
			chosen[row*blocks+int(column)] = true
		}
	}
	global := (c.Geometry.Text + sparseBlock - 1) / sparseBlock
	return func(query, key int) bool {
		row, column := query/sparseBlock, key/sparseBlock
		return column < global || row/sparseLocal == column/sparseLocal || chosen[row*blocks+column]
	}
}
