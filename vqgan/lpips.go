package vqgan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/torchfile"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// LPIPS is VGG16 (Simonyan & Zisserman, 2015) up to relu5_3, and the weights of its features in the LPIPS distance (Zhang et
// al., 2018). It is a [FeatureNet] of RGB pictures.
type LPIPS struct {
	convs     []*nn.Conv2d // 13, each with a ReLU
	lins      []*nn.Conv2d // weights of the features of each depth, 1×1 convolutions to one channel; nil: all 1
	minus, by *tensor.Tensor
}

// vggLayers are the convolutions of VGG16: PyTorch's number of the layer, and the slice of LPIPS that it ends or continues.
var vggLayers = []struct{ layer, slice, channels int }{
	{0, 1, 64}, {2, 1, 64}, {5, 2, 128}, {7, 2, 128}, {10, 3, 256}, {12, 3, 256}, {14, 3, 256},
	{17, 4, 512}, {19, 4, 512}, {21, 4, 512}, {24, 5, 512}, {26, 5, 512}, {28, 5, 512},
}

// OpenLPIPS reads weights from a PyTorch or safetensors file: the state dict of LPIPS with net="vgg" of the package lpips or of
// taming-transformers, or that of torchvision's vgg16, whose features all count the same. Other tensors of the file are
// ignored. A file that lacks weights is a [*fault.DamagedFile].
func OpenLPIPS(path string, d *tensor.Device) (l *LPIPS, err error) {
	defer fault.Catch(&err)
	file, err := lpipsFile(path)
	if err != nil {
		return nil, err
	}
	l = &LPIPS{minus: d.From([]float32{-0.030, -0.088, -0.188}).Keep(), by: d.From([]float32{0.458, 0.448, 0.450}).Keep()}
	from := 3
	for i, v := range vggLayers {
		o := tensor.StridePad(1, 1)
		o.Act = tensor.ReLU
		l.convs = append(l.convs, &nn.Conv2d{Weight: d.Zeros(3, 3, from, v.channels).Keep(), Bias: d.Zeros(v.channels).Keep(), Options: o})
		if from = v.channels; endsSlice(i) && file.Has("lin0.model.1.weight") {
			l.lins = append(l.lins, &nn.Conv2d{Weight: d.Zeros(1, 1, from, 1).Keep()})
		}
	}
	if err := weights.Load(l, file, ""); err != nil {
		return nil, err
	}
	nn.Freeze(l)
	return l, nil
}

// endsSlice reports whether convolution i is the last one of its slice.
func endsSlice(i int) bool {
	return i == len(vggLayers)-1 || vggLayers[i].slice != vggLayers[i+1].slice
}

// Perceptual returns the distance in the features of l.
func (l *LPIPS) Perceptual() *Perceptual {
	p := &Perceptual{Net: l}
	for _, lin := range l.lins {
		p.Weights = append(p.Weights, lin.Weight.Reshape(-1))
	}
	return p
}

// Activations implements FeatureNet: the outputs of relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3 for pictures [N, S, S, 3],
// where S is a multiple of 16.
func (l *LPIPS) Activations(x *tensor.Tensor) (all []*tensor.Tensor) {
	x = x.Sub(l.minus).Div(l.by)
	for i, conv := range l.convs {
		x = conv.Forward(x)
		if !endsSlice(i) {
			continue
		}
		all = append(all, x)
		if i < len(l.convs)-1 {
			x = x.MaxPool(2)
		}
	}
	return all
}

// Visit implements nn.Module, with the names of the package lpips.
func (l *LPIPS) Visit(path string, f func(nn.Param)) {
	for i, conv := range l.convs {
		conv.Visit(nn.Join(path, fmt.Sprintf("net.slice%d.%d", vggLayers[i].slice, vggLayers[i].layer)), f)
	}
	for i, lin := range l.lins {
		lin.Visit(nn.Join(path, fmt.Sprintf("lin%d.model.1", i)), f)
	}
}

// SetTraining implements nn.Module.
func (l *LPIPS) SetTraining(bool) {}

// lpipsFile returns the weights of a file under the names of LPIPS.Visit.
func lpipsFile(path string) (*safetensors.File, error) {
	var all []safetensors.Tensor
	add := func(name string, shape []int, load func() (safetensors.Tensor, error)) error {
		name, want := lpipsName(name)
		if name == "" {
			return nil
		}
		if !slices.Equal(shape, want) {
			return fault.Damaged(path, "%q has shape %v, not %v; give weights of VGG16", name, shape, want)
		}
		t, err := load()
		if err != nil {
			return fault.Damaged(path, "%s: %v", name, err)
		}
		t.Name = name
		all = append(all, t)
		return nil
	}
	if strings.HasSuffix(path, ".safetensors") {
		f, err := safetensors.Read(path)
		if err != nil {
			return nil, err
		}
		for _, name := range f.Names() {
			t, err := f.Tensor(name)
			if err != nil {
				return nil, err
			}
			if err := add(name, t.Shape, func() (safetensors.Tensor, error) { return *t, nil }); err != nil {
				return nil, err
			}
		}
		return safetensors.NewFile(path, all, nil), nil
	}
	f, err := torchfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	dict, ok := f.Root.(*torchfile.Dict)
	if inner, nested := get(dict, "state_dict"); ok && nested {
		dict, ok = inner.(*torchfile.Dict)
	}
	if !ok {
		return nil, fault.Damaged(path, "has no state dict; save one with torch.save(model.state_dict(), path)")
	}
	for key, value := range dict.All() {
		name, named := key.(string)
		t, is := value.(*torchfile.Tensor)
		if !named || !is {
			continue
		}
		if err := add(name, t.Shape, t.Load); err != nil {
			return nil, err
		}
	}
	return safetensors.NewFile(path, all, nil), nil
}

func get(d *torchfile.Dict, key string) (any, bool) {
	if d == nil {
		return nil, false
	}
	return d.Get(key)
}

// lpipsName returns the name that a tensor of a file has in LPIPS.Visit, and its shape; "" if it isn't needed.
func lpipsName(name string) (string, []int) {
	from, depth := 3, 0
	for i, v := range vggLayers {
		own := fmt.Sprintf("net.slice%d.%d.", v.slice, v.layer)
		for kind, shape := range map[string][]int{"weight": {v.channels, from, 3, 3}, "bias": {v.channels}} {
			if name == own+kind || name == fmt.Sprintf("features.%d.%s", v.layer, kind) {
				return own + kind, shape
			}
		}
		from = v.channels
		if endsSlice(i) {
			if name == fmt.Sprintf("lin%d.model.1.weight", depth) {
				return name, []int{1, from, 1, 1}
			}
			depth++
		}
	}
	return "", nil
}
