package export

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/internal/onnx/trace"
	"github.com/bestiary-ml/bestiary/tensor"
)

// ofDALLE are the reading of captions and the decoding of one code.
func ofDALLE(m *dalle.DALLE) []Function {
	c := m.Config()
	caches := caches(m)
	logits := Output{"logits", "of the next code"}
	outputs := []Output{logits}
	for _, in := range caches {
		outputs = append(outputs, Output{"next_" + in.Name, in.Doc + ", for " + in.Name + " of the next step"})
	}
	results := func(logits *tensor.Tensor, caches []*tensor.Tensor) []*tensor.Tensor {
		return append([]*tensor.Tensor{logits.Reshape(logits.Dim(0), c.ImageCodes)}, caches...)
	}
	code := Input{Name: "code", Doc: "code of a cell, 0 to " + fmt.Sprint(c.ImageCodes-1), Shape: []int{1}, Ids: c.ImageCodes}
	cell := Input{Name: "cell", Doc: fmt.Sprintf("number of that cell, row by row, 0 to %d", c.Cells()-2), Shape: []int{1}, Ids: c.Cells() - 1, Batch: noBatch}
	functions := []Function{{"prefill", "captions to the logits of the first code and the caches", []Input{tokens(c.TextLen, c.TextTokens)}, outputs,
		func(in []*tensor.Tensor) []*tensor.Tensor {
			logits, cache := m.Begin(in[0])
			return results(logits, cache.Tensors())
		}}}
	if c.Cells() < 2 {
		return functions
	}
	return append(functions, Function{"step", "the code of a cell to the logits of the next code, and the caches with that cell", append([]Input{code, cell}, caches...), outputs,
		func(in []*tensor.Tensor) []*tensor.Tensor {
			read := c.TextLen + 1 // positions before the first cell
			cell := trace.Step(in[1], read, m.Transformer().Tables()) - read
			cache := m.Transformer().CacheOf(read+cell, in[2:])
			var position *tensor.Tensor
			if all := m.CellPositions(); all != nil {
				position = all.Gather(0, in[1])
			}
			logits := m.Continue(in[0], position, cache)
			return results(logits, cache.Tensors())
		}})
}

// caches are the inputs of the memory of a cache.
func caches(m *dalle.DALLE) (all []Input) {
	c := m.Config()
	t := c.Transformer
	positions := c.TextLen + c.Cells() // the start token and all cells but the last
	for i := range t.Depth {
		layer := fmt.Sprintf(" of layer %d", i)
		all = append(all, Input{Name: fmt.Sprintf("memory_%d", i), Doc: "keys and values" + layer, Shape: []int{2, positions, t.Heads * t.DimHead}, Batch: 1})
		if t.ShiftTokens {
			all = append(all,
				Input{Name: fmt.Sprintf("attention_%d", i), Doc: "inputs of the attention" + layer, Shape: []int{positions, t.Dim}},
				Input{Name: fmt.Sprintf("feed_forward_%d", i), Doc: "inputs of the feed-forward net" + layer, Shape: []int{positions, t.Dim}})
		}
	}
	return all
}
