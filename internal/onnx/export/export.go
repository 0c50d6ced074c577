package export

import (
	"fmt"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/onnx/trace"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// kind is a kind of models with functions to export.
type kind struct {
	name string
	open func(below *tensor.Device) *trace.Tracer
	load func(dir string, d *tensor.Device) (nn.Module, []exported, error)
}

// kindOf makes a kind. Models are loaded without being frozen: frozen ones keep what they compute from their weights, and a graph
// must compute everything itself.
func kindOf[C any, M nn.Module, F exported](k *models.Kind[C, M], functions func(m M) []F) kind {
	return kind{k.Name, trace.New, func(dir string, d *tensor.Device) (nn.Module, []exported, error) {
		m, err := k.Load(dir, d)
		if err != nil {
			return nil, nil, err
		}
		var all []exported
		for _, f := range functions(m) {
			all = append(all, f)
		}
		return m, all, nil
	}}
}

// decoding makes a kind of one whose models decode with a KV cache.
func decoding(k kind) kind {
	k.open = trace.NewDecoding
	return k
}

// kinds are the kinds of models that are exported.
var kinds = []kind{
	decoding(kindOf(models.DALLE, ofDALLE)),
	kindOf(models.CLIP, ofCLIP),
	kindOf(models.MaskGIT, ofMaskGIT),
	kindOf(models.Rectified, ofRectified),
	kindOf(models.DVAE, asCodec),
	kindOf(models.VQGAN, asCodec),
	kindOf(models.OpenAI, asCodec),
	kindOf(models.KL, ofKL),
	kindOf(models.Autoencoder, ofAutoencoder),
	kindOf(models.Flow, ofClassFlow),
	kindOf(models.TarFlow, ofTarFlow),
	kindOf(models.Density, ofDensity),
	kindOf(models.Classifier, ofClassifier),
	kindOf(models.SSD, ofSSD),
	kindOf(models.MaskRCNN, ofMaskRCNN),
}

// Kinds returns the names of the kinds of models that are exported.
func Kinds() (names []string) {
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// Open traces the functions of the model of that kind in a run folder. version is that of the program, for the files. It is an
// error if the kind, or a setting of the model, has no graph.
func Open(dir, name, version string) ([]File, error) {
	for _, k := range kinds {
		if k.name != name {
			continue
		}
		below, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
		if err != nil {
			return nil, err
		}
		defer below.Close()
		t := k.open(below)
		m, functions, err := k.load(dir, t.Tensors())
		if err != nil {
			return nil, err
		}
		return files(t, name, version, m, functions)
	}
	return nil, fmt.Errorf("a %s is not exported as ONNX; choose one of %s", name, strings.Join(Kinds(), ", "))
}
