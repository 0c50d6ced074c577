package interchange

import (
	"encoding/json"
	"fmt"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/torchfile"
	"github.com/bestiary-ml/bestiary/nn"
)

// torchVersion is the version of DALLE-pytorch that exported files are for.
const torchVersion = "1.6.6"

// export is what both formats write.
type export struct {
	sections *torchfile.Dict // hparams and so on, in the order of DALLE-pytorch's scripts
	weights  []dalle.TorchTensor
}

// WriteTorch writes a checkpoint as train_vae.py writes it of a VAE, or as train_dalle.py writes it of a DALL-E (nil:
// none) with its VAE, but for the optimizer's state. DALLE-pytorch 1.6.6 loads it by name and shape.
func WriteTorch(path string, vae *dvae.VAE, d *dalle.DALLE) error {
	e, err := newExport(vae, d)
	if err != nil {
		return fmt.Errorf("%s: cannot be written: %w", path, err)
	}
	weights := &torchfile.Dict{Ordered: true}
	for _, w := range e.weights {
		weights.Set(w.Name, w.Tensor)
	}
	e.sections.Set(weightsKey, weights)
	return torchfile.Write(path, e.sections)
}

// WriteSafetensors writes the same as a safetensors file, hparams and the like as JSON in its metadata. What is one
// tensor of several names is written under each.
func WriteSafetensors(path string, vae *dvae.VAE, d *dalle.DALLE) error {
	e, err := newExport(vae, d)
	if err != nil {
		return fmt.Errorf("%s: cannot be written: %w", path, err)
	}
	meta := map[string]string{}
	for key, value := range e.sections.All() {
		text, err := json.Marshal(jsonOf(value))
		if err != nil {
			return fmt.Errorf("%s: its %v cannot be written: %w", path, key, err)
		}
		meta[key.(string)] = string(text)
	}
	var all []safetensors.Tensor
	for _, w := range e.weights {
		t := *w.Tensor
		t.Name = w.Name
		all = append(all, t)
	}
	return safetensors.Write(path, all, meta)
}

func newExport(vae *dvae.VAE, d *dalle.DALLE) (*export, error) {
	vaeArgs, err := vaeParams(vae.Config())
	if err != nil {
		return nil, err
	}
	e := &export{sections: torchfile.NewDict("hparams", vaeArgs)}
	prefix := ""
	if d != nil {
		args, err := dalleParams(d.Config(), vae.Config().Grid())
		if err != nil {
			return nil, err
		}
		e.sections = torchfile.NewDict("hparams", args, "vae_params", vaeArgs, "epoch", 0, "version", torchVersion, "vae_class_name", vaeClass)
		prefix = vaePrefix
	}
	for _, t := range nn.State(vae) {
		e.weights = append(e.weights, dalle.TorchTensor{Name: prefix + t.Name, Tensor: &t})
	}
	if d != nil {
		e.weights = append(e.weights, d.TorchState()...)
	}
	return e, nil
}

// jsonOf turns a value of Python into one for JSON.
func jsonOf(v any) any {
	switch v := v.(type) {
	case torchfile.Tuple:
		all := []any{}
		for _, item := range v {
			all = append(all, jsonOf(item))
		}
		return all
	case *torchfile.Dict:
		all := map[string]any{}
		for key, value := range v.All() {
			all[fmt.Sprint(key)] = jsonOf(value)
		}
		return all
	}
	return v
}
