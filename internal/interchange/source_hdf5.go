package interchange

import (
	"regexp"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/hdf5"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
)

// Groups of Keras's files with other content than layers: model.save writes the weights into one of two.
const (
	kerasWeights   = "model_weights/"
	kerasOptimizer = "optimizer_weights/" // belongs to training
)

// counted ends the name of a layer of a nested model that was built more than once.
var counted = regexp.MustCompile(`_\d+$`)

// openKeras opens a file of Keras's save_weights. Names become those of the layer and the weight, "conv1/kernel"; weights keep Keras's
// layout.
func openKeras(path string) (*source, error) {
	f, err := hdf5.Open(path)
	if err != nil {
		return nil, err
	}
	s := newSource(path)
	s.keras, s.close = true, f.Close
	for _, d := range f.Datasets {
		if strings.HasPrefix(d.Path, kerasOptimizer) {
			continue
		}
		name := kerasName(strings.TrimPrefix(d.Path, kerasWeights))
		if _, twice := s.tensors[name]; twice {
			f.Close()
			return nil, fault.Damaged(path, "holds %.80q twice; write it again with Keras's save_weights", name)
		}
		s.order = append(s.order, name)
		s.tensors[name] = entry{d.Shape, func() (safetensors.Tensor, error) {
			values, err := d.Floats()
			return safetensors.Tensor{Name: name, DType: safetensors.F32, Shape: d.Shape, F32: values}, err
		}}
	}
	return s, nil
}

// kerasName returns the layer and the weight of a dataset: its outermost group is the layer, or a model of layers.
func kerasName(path string) string {
	parts := strings.Split(path, "/")
	layer, weight := parts[0], strings.TrimSuffix(parts[len(parts)-1], ":0")
	if layer == matterportNested && len(parts) > 2 {
		layer = counted.ReplaceAllString(parts[len(parts)-2], "")
	}
	return layer + "/" + weight
}
