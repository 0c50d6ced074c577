package backbone

import (
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Open builds the network whose weights a file holds, a state dict of PyTorch (.pth, .pt) or a safetensors file, loads them and
// freezes it. A file of another network, or one that lacks weights, is a [*fault.DamagedFile].
func Open(path string, d *tensor.Device) (b *Backbone, err error) {
	defer fault.Catch(&err)
	f, err := weights.ReadState(path)
	if err != nil {
		return nil, err
	}
	a := architectureOf(f)
	if a == nil {
		return nil, Unknown(path)
	}
	if b, err = New(d, a.name); err != nil {
		return nil, err
	}
	if err := b.load(f); err != nil {
		return nil, err
	}
	b.Freeze()
	return b, nil
}

// Identify returns the name of the architecture whose weights a file holds, "" for another network. The error is that of reading it.
func Identify(path string) (name string, err error) {
	f, err := weights.ReadState(path)
	if err != nil {
		return "", err
	}
	if a := architectureOf(f); a != nil {
		return a.name, nil
	}
	return "", nil
}

func architectureOf(f *safetensors.File) *architecture {
	for i := range architectures {
		if architectures[i].is(f) {
			return &architectures[i]
		}
	}
	return nil
}

// OfStages returns the name of the architecture whose stages have parameters of these names and shapes, with dimensions in the order of
// PyTorch, as in the file of a detector. It returns "" for another network.
func OfStages(shapes map[string][]int) string {
	var all []safetensors.Tensor
	for name, shape := range shapes {
		all = append(all, safetensors.Tensor{Name: name, Shape: shape})
	}
	f := safetensors.NewFile("", all, nil)
	for _, a := range architectures {
		is := a.stages
		if is == nil {
			is = a.is
		}
		if is(f) {
			return a.name
		}
	}
	return ""
}

// shaped reports whether a file has a tensor of that name and shape.
func shaped(f *safetensors.File, name string, shape ...int) bool {
	t, err := f.Tensor(name)
	return err == nil && slices.Equal(t.Shape, shape)
}

// Unknown returns the error for a file that holds no network of [Names], a [*fault.DamagedFile].
func Unknown(path string) error {
	return fault.Damaged(path, "holds no network of %s; name the weights of one, such as %s", titles(), architectures[0].published)
}

// titles lists the architectures.
func titles() string {
	var all []string
	for _, a := range architectures {
		all = append(all, a.title)
	}
	return strings.Join(all, ", ")
}

// load sets the weights. The file must have all of them with the right shapes and no others, since a network with other layers
// may have these as well. The counts of batches that trained a network may be missing, as in files of old versions of PyTorch.
func (b *Backbone) load(f *safetensors.File) error {
	known, all := map[string]bool{}, []safetensors.Tensor{}
	for _, p := range nn.Params(b) {
		known[p.Path] = true
		switch t, err := f.Tensor(p.Path); {
		case err == nil:
			all = append(all, *t)
		case strings.HasSuffix(p.Path, ".num_batches_tracked"):
			all = append(all, safetensors.Tensor{Name: p.Path, DType: safetensors.I64, I64: []int64{0}})
		default:
			return fault.Damaged(f.Path, "has no %q, so it isn't a whole %s; name %s", p.Path, b.of.title, b.of.published)
		}
	}
	for _, name := range f.Names() {
		if !known[name] {
			return fault.Damaged(f.Path, "holds %q, which %s doesn't have, so it is another network; name %s", name, b.of.title, b.of.published)
		}
	}
	return weights.Load(b, safetensors.NewFile(f.Path, all, nil), "")
}
