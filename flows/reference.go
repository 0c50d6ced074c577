package flows

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
)

// LoadReference sets the parameters from a file of the reference implementation, whose names begin with prefix; after
// an error, only some may be set. Standardize, which the reference doesn't have, stays as it is.
//
// The reference's couplings multiply by a mask [D] where ours take columns, so its networks have weights for all D
// columns: those for the passive ones on the way in and for the active ones on the way out are taken.
func (f *RealNVP) LoadReference(file *safetensors.File, prefix string) error {
	for i, b := range f.layers {
		path := prefix + f.names[i] + "."
		var err error
		switch b := b.(type) {
		case *Standardize:
		case *AffineCoupling:
			err = b.loadMasked(file, path)
		default:
			err = weights.Load(b, file, path)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file.Path, err)
		}
	}
	return nil
}

func (c *AffineCoupling) loadMasked(file *safetensors.File, path string) error {
	mask, _, err := file.Float32(path + "mask")
	if err != nil {
		return err
	}
	want := make([]float32, c.columns.dim())
	for _, column := range c.passive {
		want[column] = 1
	}
	if !slices.Equal(mask, want) {
		return fmt.Errorf("has another mask than expected in %q; choose the mask and permutation that it was trained with", path+"mask")
	}
	for _, p := range nn.Params(c) {
		values, err := c.fromMasked(file, path, p)
		if err != nil {
			return err
		}
		p.Tensor.Set(values)
	}
	return nil
}

// fromMasked takes from the reference's counterpart of p, a weight [out, in] or a bias [out] below path, what p has of
// it, and returns it in p's layout.
func (c *AffineCoupling) fromMasked(file *safetensors.File, path string, p nn.Param) ([]float32, error) {
	values, shape, err := file.Float32(path + p.Path)
	if err != nil {
		return nil, err
	}
	dim, active := c.columns.dim(), c.active()
	layers := c.S.Layers()
	if strings.HasPrefix(p.Path, "t.") {
		layers = c.T.Layers()
	}
	first, last := layers[0].(*nn.Linear), layers[len(layers)-1].(*nn.Linear)

	outs, width := upTo(p.Tensor.Dim(-1)), p.Tensor.Dim(-1)
	if p.Tensor == last.Weight || p.Tensor == last.Bias {
		outs, width = slices.Clone(active), dim
		if c.T == nil { // s of all columns, then t of all columns
			width = 2 * dim
			for _, column := range active {
				outs = append(outs, dim+column)
			}
		}
	}
	ins, depth := []int{0}, 1
	want := []int{width}
	if p.Tensor.Rank() == 2 {
		ins, depth = upTo(p.Tensor.Dim(0)), p.Tensor.Dim(0)
		if p.Tensor == first.Weight { // the condition, then all columns
			condition := depth - len(c.passive)
			for i, column := range c.passive {
				ins[condition+i] = condition + column
			}
			depth = condition + dim
		}
		want = []int{width, depth}
	}
	if !slices.Equal(shape, want) {
		return nil, fmt.Errorf("has %q with shape %v instead of %v; it belongs to another configuration", path+p.Path, shape, want)
	}
	taken := make([]float32, 0, p.Tensor.Len())
	for _, in := range ins {
		for _, out := range outs {
			taken = append(taken, values[out*depth+in])
		}
	}
	return taken, nil
}

// active lists the columns that don't pass, ascending.
func (c *AffineCoupling) active() []int {
	return slices.DeleteFunc(upTo(c.columns.dim()), func(column int) bool {
		_, passes := slices.BinarySearch(c.passive, column)
		return passes
	})
}

func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}
