package interchange

import (
	"math"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
)

// Names of weights that differ in form in older versions.
const (
	logitsName = "to_logits.1"
	tableName  = "text_emb.weight"
	anglesName = "transformer.pos_emb"
)

// dalleNames returns the names of the weights, and those that versions before LayerScale lack.
func (c *Checkpoint) dalleNames() []string {
	names := slices.Clip(c.source.names())
	if c.scaled {
		return names
	}
	for _, name := range c.source.names() {
		if branch, ok := strings.CutSuffix(name, ".norm.weight"); ok {
			names = append(names, branch+".scale")
		}
	}
	return names
}

// loadDALLE loads a weight in the form of version 1.6.6.
func (c *Checkpoint) loadDALLE(name string) (safetensors.Tensor, error) {
	if !c.scaled && strings.HasSuffix(name, ".scale") {
		scale := make([]float32, c.DALLE.Transformer.Dim)
		for i := range scale {
			scale[i] = 1
		}
		return safetensors.Tensor{Name: name, DType: safetensors.F32, Shape: []int{1, 1, len(scale)}, F32: scale}, nil
	}
	t, err := c.source.load(name)
	if err != nil {
		return t, err
	}
	if name == anglesName && len(t.Shape) == 4 {
		return lastAngles(t), nil
	}
	if !c.padded && len(t.F32) > 0 && len(t.Shape) > 0 {
		switch name {
		case tableName, logitsName + ".weight", logitsName + ".bias":
			return c.addPadding(t, name == logitsName+".bias"), nil
		}
	}
	return t, nil
}

// addPadding adds the rows of padding to a table of a version in which padding is token 0 at all positions. Each is a copy
// of that token's row; in the output layer they share its probability, so that other tokens keep theirs.
func (c *Checkpoint) addPadding(t safetensors.Tensor, bias bool) safetensors.Tensor {
	width := len(t.F32) / t.Shape[0]
	first, tokens := t.F32[:width], c.DALLE.TextTokens
	rows := slices.Clone(t.F32[:min(len(t.F32), tokens*width)])
	for range c.DALLE.TextLen {
		rows = append(rows, first...)
	}
	if bias {
		share := float32(math.Log(float64(c.DALLE.TextLen + 1)))
		rows[0] -= share
		for i := tokens; i < len(rows); i++ {
			rows[i] -= share
		}
	}
	rows = append(rows, t.F32[min(len(t.F32), tokens*width):]...)
	t.F32, t.Shape = rows, append([]int{len(rows) / width}, t.Shape[1:]...)
	return t
}

// lastAngles adds the row of the last cell, which versions before 1.4 leave out of the rotary angles. Its text and row
// angles are those of the cell before, and its column angles equal its row angles: both are the last of a square grid.
func lastAngles(t safetensors.Tensor) safetensors.Tensor {
	n, width := t.Shape[2], t.Shape[3]
	if n == 0 || width%3 != 0 || len(t.F32) != n*width {
		return t
	}
	last := slices.Clone(t.F32[(n-1)*width:])
	copy(last[width/3*2:], last[width/3:width/3*2])
	t.F32, t.Shape = slices.Concat(t.F32, last), []int{1, n + 1, width}
	return t
}
