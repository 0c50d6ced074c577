package interchange

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/finite"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/torchfile"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/models"
)

// torchVersion is the version of DALLE-pytorch that loads exported files.
const torchVersion = "1.6.6"

// PositionNote says which release of a library an exported DALL-E without rotary positions is for. A file with the names of
// both would not load: DALLE-pytorch refuses names that it doesn't know.
const PositionNote = "its learned positions have the names of axial-positional-embedding 0.3 and later, image_pos_emb.weights.0 and .1; " +
	"for 0.2, rename them to image_pos_emb.weights_0 and weights_1"

// export is the content of a file of either format.
type export struct {
	bare     bool            // the file is the state_dict itself, with the sections among its entries
	key      string          // of the state_dict; "" is weightsKey
	sections *torchfile.Dict // hparams and so on, in the order of DALLE-pytorch's scripts
	weights  []stateTensor
}

// WriteTorch writes a checkpoint like train_vae.py (a VAE) or train_dalle.py (a DALL-E and its VAE), without the state of
// the optimizer. DALLE-pytorch 1.6.6 loads it by name and shape. An autoencoder or a flow is written as the state_dict of the
// flow notebook's class, which loads it with strict=True.
func WriteTorch(path string, m Models) error {
	e, err := newExport(m)
	if err != nil {
		return fmt.Errorf("%s: cannot be written: %w", path, err)
	}
	weights := &torchfile.Dict{Ordered: true}
	for _, w := range e.weights {
		weights.Set(w.name, w.tensor)
	}
	if e.bare {
		for key, value := range e.sections.All() {
			weights.Set(key, value)
		}
		return torchfile.Write(path, weights)
	}
	e.sections.Set(cmp.Or(e.key, weightsKey), weights)
	return torchfile.Write(path, e.sections)
}

// WriteSafetensors writes the same as a safetensors file, with hparams and the like as JSON in its metadata. A tensor with
// several names is written under each.
func WriteSafetensors(path string, m Models) error {
	e, err := newExport(m)
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
		t := *w.tensor
		t.Name = w.name
		all = append(all, t)
	}
	return safetensors.Write(path, all, meta)
}

// check returns an error if a weight is NaN or infinite.
func (e *export) check() error {
	var check finite.Check
	for _, w := range e.weights {
		check.Add(w.name, w.tensor.F32)
	}
	if problem := check.Problem(); problem != "" {
		return errors.New(problem)
	}
	return nil
}

// newExport returns what is written of m. Weights that are not finite are an error.
func newExport(m Models) (*export, error) {
	e, err := exportOf(m)
	if err == nil {
		err = e.check()
	}
	return e, err
}

func exportOf(m Models) (*export, error) {
	e := &export{}
	prefix := ""
	add := func(all []safetensors.Tensor) {
		for _, t := range all {
			e.weights = append(e.weights, stateTensor{prefix + t.Name, &t})
		}
	}
	if m.Autoencoder != nil || m.Flow != nil || m.Embedding != nil {
		e.bare, e.sections = true, torchfile.NewDict()
		switch {
		case m.Autoencoder != nil:
			add(weights.Of(m.Autoencoder))
		case m.Flow != nil:
			all, err := saveRealNVP(m.Flow)
			if err != nil {
				return nil, err
			}
			add(all)
		default:
			sections, all := m.Embedding.state()
			e.sections = sections
			add(all)
		}
		return e, nil
	}
	if m.SSD != nil {
		return exportSSD(m.SSD)
	}
	if m.MaskRCNN != nil {
		return exportMaskRCNN(m.MaskRCNN)
	}
	if m.CLIP != nil {
		args, err := clipParams(m.CLIP.Config())
		e.sections = torchfile.NewDict("hparams", args)
		add(saveCLIP(m.CLIP))
		return e, err
	}
	if m.VQGAN != nil && m.DALLE == nil {
		return exportVQGAN(m.VQGAN)
	}
	codec, err := codecOf(m)
	if err != nil {
		return nil, err
	}
	if m.DALLE == nil {
		e.sections = torchfile.NewDict()
		if e.bare = codec.arguments == nil; !e.bare {
			e.sections.Set("hparams", codec.arguments)
		}
		add(codec.weights)
		return e, nil
	}
	args, err := dalleParams(m.DALLE.Config(), codec.model.Grid())
	if err != nil {
		return nil, err
	}
	e.sections = torchfile.NewDict("hparams", args, "vae_params", codec.arguments, "epoch", 0, "version", torchVersion, "vae_class_name", codec.class)
	prefix = codec.prefix
	add(codec.weights)
	e.weights = append(e.weights, saveDALLE(m.DALLE)...)
	return e, nil
}

// exportedCodec is the model of codes as DALLE-pytorch has it.
type exportedCodec struct {
	model     models.Codec
	class     string // of DALLE-pytorch
	prefix    string // of its weights in a DALL-E
	arguments any    // of the constructor; nil if it has none of the sizes
	weights   []safetensors.Tensor
}

func codecOf(m Models) (exportedCodec, error) {
	switch {
	case m.OpenAI != nil:
		return exportedCodec{m.OpenAI, openAIClass, vaePrefix, nil, weights.Of(m.OpenAI)}, checkOpenAI(m)
	case m.VQGAN != nil:
		return exportedCodec{m.VQGAN, vqganClass, vqganPrefix, nil, saveVQGAN(m.VQGAN)}, checkVQGAN(m.VQGAN.Config(), true)
	}
	args, err := vaeParams(m.VAE.Config())
	return exportedCodec{m.VAE, vaeClass, vaePrefix, args, weights.Of(m.VAE)}, err
}

// checkOpenAI returns an error for a DALL-E that OpenAIDiscreteVAE doesn't fit, whose pictures have one size.
func checkOpenAI(m Models) error {
	if size := m.OpenAI.ImageSize(); m.DALLE != nil && size != openAISize {
		return fmt.Errorf("its OpenAI VAE has pictures of %d×%d pixels, and DALLE-pytorch's of %d×%d only; export one of that size", size, size, openAISize, openAISize)
	}
	return nil
}

// jsonOf turns a value of Python into one for JSON.
func jsonOf(v any) any {
	switch v := v.(type) {
	case torchfile.List:
		return jsonOf(torchfile.Tuple(v))
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
