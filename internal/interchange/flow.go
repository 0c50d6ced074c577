package interchange

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
)

// LoadRealNVP sets the parameters of a flow from a file of the reference implementation, whose names begin with prefix; after
// an error, only some may be set. Standardize, which the reference doesn't have, stays as it is.
//
// The reference's couplings multiply by a mask [D] where ours select columns, so its networks have weights for all D columns:
// those of the passive columns on the way in and of the active ones on the way out are used.
func LoadRealNVP(f *flows.RealNVP, file *safetensors.File, prefix string) error {
	count := 0
	for _, b := range f.Layers() {
		path := fmt.Sprintf("%sflows.%d.", prefix, count)
		var err error
		switch b := b.(type) {
		case *flows.Standardize:
			continue
		case *flows.AffineCoupling:
			err = loadCoupling(b, file, path)
		default:
			err = weights.Load(b, file, path)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file.Path, err)
		}
		count++
	}
	return nil
}

func loadCoupling(c *flows.AffineCoupling, file *safetensors.File, path string) error {
	mask, _, err := file.Float32(path + "mask")
	if err != nil {
		return err
	}
	want := make([]float32, c.Dim())
	for _, column := range c.Passive() {
		want[column] = 1
	}
	if !slices.Equal(mask, want) {
		return fmt.Errorf("has another mask than expected in %q; choose the mask and permutation that it was trained with", path+"mask")
	}
	for _, p := range nn.Params(c) {
		values, err := CouplingParam(c, file, path, p)
		if err != nil {
			return err
		}
		p.Tensor.Set(values)
	}
	return nil
}

// CouplingParam selects from the reference's counterpart of a coupling's parameter p, a weight [out, in] or a bias [out] below
// path, the rows and columns that p has, and returns them in p's layout.
func CouplingParam(c *flows.AffineCoupling, file *safetensors.File, path string, p nn.Param) ([]float32, error) {
	values, shape, err := file.Float32(path + p.Path)
	if err != nil {
		return nil, err
	}
	outs, width, ins, depth := reference(c, p)
	want := []int{width}
	if p.Tensor.Rank() == 2 {
		want = []int{width, depth}
	}
	if !slices.Equal(shape, want) {
		return nil, fmt.Errorf("has %q with shape %v instead of %v; it belongs to another configuration", path+p.Path, shape, want)
	}
	selected := make([]float32, 0, p.Tensor.Len())
	for _, in := range ins {
		for _, out := range outs {
			selected = append(selected, values[out*depth+in])
		}
	}
	return selected, nil
}

// reference returns which outputs of the reference's width and which inputs of its depth a parameter has.
func reference(c *flows.AffineCoupling, p nn.Param) (outs []int, width int, ins []int, depth int) {
	dim, passive := c.Dim(), c.Passive()
	layers := c.S.Layers()
	if strings.HasPrefix(p.Path, "t.") {
		layers = c.T.Layers()
	}
	first, last := layers[0].(*nn.Linear), layers[len(layers)-1].(*nn.Linear)

	outs, width = upTo(p.Tensor.Dim(-1)), p.Tensor.Dim(-1)
	if p.Tensor == last.Weight || p.Tensor == last.Bias {
		outs, width = active(dim, passive), dim
		if c.T == nil { // s of all columns, then t of all columns
			width = 2 * dim
			for _, column := range active(dim, passive) {
				outs = append(outs, dim+column)
			}
		}
	}
	ins, depth = []int{0}, 1
	if p.Tensor.Rank() == 2 {
		ins, depth = upTo(p.Tensor.Dim(0)), p.Tensor.Dim(0)
		if p.Tensor == first.Weight { // the condition, then all columns
			condition := depth - len(passive)
			for i, column := range passive {
				ins[condition+i] = condition + column
			}
			depth = condition + dim
		}
	}
	return outs, width, ins, depth
}

// active lists the columns that don't pass, ascending.
func active(dim int, passive []int) []int {
	return slices.DeleteFunc(upTo(dim), func(column int) bool {
		_, passes := slices.BinarySearch(passive, column)
		return passes
	})
}

// upTo lists 0 … n−1.
func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}
