package transformer

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/tensor"
)

// Pattern says which keys the queries of a layer may see. In all of them text sees the text before it and cells of
// the picture see all of the text; they differ in the cells that a cell sees.
type Pattern string

// The patterns. The first four are those of Ramesh et al. (2021, figure 11) and Child et al. (2019).
const (
	Full     Pattern = "full"      // all cells before it
	AxialRow Pattern = "axial_row" // those before it in its row
	AxialCol Pattern = "axial_col" // those above it in its column
	ConvLike Pattern = "conv_like" // those in a square window that has it at the bottom right
	Sparse   Pattern = "sparse"    // blocks of positions, see sparseLayout
)

// Patterns lists all patterns.
var Patterns = []Pattern{Full, AxialRow, AxialCol, ConvLike, Sparse}

// maskKey is equal for layers with equal masks: only sparse ones differ from layer to layer.
func (c Config) maskKey(layer int) string {
	if c.pattern(layer) == Sparse {
		return fmt.Sprintf("%s %d", Sparse, layer)
	}
	return string(c.pattern(layer))
}

// allowed tells whether a query may see a key, both given as positions; nil means that it always may.
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

// Numbers of the block-sparse pattern, which DALLE-pytorch leaves at DeepSpeed's defaults.
const (
	sparseBlock = 16 // positions of a block
	sparseLocal = 4  // blocks of a local window
)

// sparseLayout is the block-sparse pattern of DeepSpeed's VariableSparsityConfig as DALLE-pytorch sets it up.
// Positions are cut into blocks of 16. A block of queries sees the blocks of text, the blocks of its own window (windows
// of four blocks, side by side) and a quarter of all blocks chosen at random, as far as they aren't behind it.
// There, the choice is made anew by every process; here it follows from the number of the layer.
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
