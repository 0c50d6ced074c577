package dalle

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
)

// TorchTensor is an entry of DALLE-pytorch's state_dict. Entries that are the same tensor there have the same pointer.
type TorchTensor struct {
	Name   string
	Tensor *safetensors.Tensor
}

// anglesName is the buffer that holds the rotary angles, each of them twice.
const anglesName = "transformer.pos_emb"

// TorchState returns copies of m's tensors as they are in the state_dict of DALLE-pytorch 1.6.6's DALLE, in its order
// and with its buffers, but without those of its discrete VAE ("vae.…").
func (m *DALLE) TorchState() []TorchTensor {
	var all []TorchTensor
	saved := map[string]*safetensors.Tensor{}
	for _, e := range m.torchTensors() {
		t := saved[e.parts[0].Path]
		if t == nil {
			t = &safetensors.Tensor{Name: e.name, DType: safetensors.F32, Shape: e.shape}
			for _, p := range e.parts {
				t.F32 = append(t.F32, weights.Save(p).F32...)
			}
			saved[e.parts[0].Path] = t
		}
		all = append(all, TorchTensor{e.name, t})
	}
	if m.config.Transformer.Rotary {
		all = slices.Insert(all, 0, TorchTensor{anglesName, m.torchAngles()})
	}
	return all
}

// torchAngles is DALLE-pytorch's buffer of rotary angles [1, positions, 2·R]. It has a row more than m has positions: that
// of the last cell.
func (m *DALLE) torchAngles() *safetensors.Tensor {
	c := m.config.transformer()
	angles, r := c.Angles(c.Geometry.Len() + 1)
	t := &safetensors.Tensor{Name: anglesName, DType: safetensors.F32, Shape: []int{1, len(angles) / r, 2 * r}}
	for _, a := range angles {
		t.F32 = append(t.F32, a, a)
	}
	return t
}

// LoadTorch sets m's parameters from a state_dict of DALLE-pytorch, of which it is given the names of the tensors and a
// function that loads one. Names are those of any version: modules that only wrap others don't count, nor does what stands
// before the names of DALLE itself; tensors of the discrete VAE are skipped. m is unchanged after an error, which doesn't
// name the file.
func (m *DALLE) LoadTorch(names []string, load func(name string) (safetensors.Tensor, error)) error {
	theirs := map[string]string{}
	for _, name := range names {
		if key, ok := torchKey(name); ok {
			theirs[key] = name
		}
	}
	var sets []func()
	for _, e := range m.torchTensors() {
		key, _ := torchKey(e.name)
		name, ok := theirs[key]
		delete(theirs, key)
		if e.alias {
			continue
		}
		if !ok {
			return fmt.Errorf("has no %q; import it with the settings that it was trained with", e.name)
		}
		values, err := loadTorch(name, e.shape, load)
		if err != nil {
			return err
		}
		for _, p := range e.parts {
			own := values[:p.Tensor.Len()]
			values = values[p.Tensor.Len():]
			sets = append(sets, func() { setTorch(p, own) })
		}
	}
	if name, ok := theirs[anglesName]; ok && m.config.Transformer.Rotary {
		if err := m.checkAngles(name, load); err != nil {
			return err
		}
		delete(theirs, anglesName)
	}
	for _, key := range slices.Sorted(maps.Keys(theirs)) {
		return fmt.Errorf("holds %q, which a DALL-E of these settings doesn't have; import it with the settings that it was trained with", theirs[key])
	}
	for _, set := range sets {
		set()
	}
	return nil
}

// checkAngles makes sure that a file's rotary angles, which are no parameters, are those that m computes with.
func (m *DALLE) checkAngles(name string, load func(name string) (safetensors.Tensor, error)) error {
	want := m.torchAngles()
	got, err := loadTorch(name, want.Shape, load)
	if err != nil {
		return err
	}
	for i, a := range want.F32 {
		if math.Abs(float64(got[i]-a)) > 1e-2 {
			return fmt.Errorf("has other rotary angles in %q than DALLE-pytorch 1.6.6; such a version can't be imported", name)
		}
	}
	return nil
}

func loadTorch(name string, shape []int, load func(name string) (safetensors.Tensor, error)) ([]float32, error) {
	t, err := load(name)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(t.Shape, shape) {
		return nil, fmt.Errorf("has %q with shape %v instead of %v; import it with the settings that it was trained with", name, t.Shape, shape)
	}
	if t.DType == safetensors.F64 {
		for _, v := range t.F64 {
			t.F32 = append(t.F32, float32(v))
		}
	}
	if len(t.F32) != t.Len() || len(t.F32) == 0 {
		return nil, fmt.Errorf("has %q with elements of type %s instead of numbers; use a file that DALLE-pytorch wrote", name, t.DType)
	}
	return t.F32, nil
}

// setTorch sets a parameter from values in PyTorch's layout.
func setTorch(p nn.Param, values []float32) {
	if p.Torch == nil {
		p.Tensor.Set(values)
		return
	}
	d := p.Tensor.Device()
	s := d.Scratch()
	defer s.End()
	p.Tensor.Set(d.From(values, p.Tensor.Dim(1), p.Tensor.Dim(0)).Transpose(0, 1).Values()) // a linear layer's weight
}

var (
	torchRoot     = regexp.MustCompile(`(^|\.)(transformer\.layers|transformer\.pos_emb|to_logits|text_emb|image_emb|text_pos_emb|image_pos_emb)\b.*`)
	torchVAE      = regexp.MustCompile(`^(module\.)?vae\.`)
	torchWrappers = regexp.MustCompile(`(\.fn)+`)
	torchBlock    = regexp.MustCompile(`\.blocks\.(\d+)\.([fg])\.net`)
	torchList     = regexp.MustCompile(`\.weights[._]`)
)

// torchKey is equal for the names of the same tensor in all versions of DALLE-pytorch, reversible or not; ok is false
// for tensors that aren't DALLE's.
func torchKey(name string) (key string, ok bool) {
	if torchVAE.MatchString(name) {
		return "", false
	}
	key = torchRoot.FindString(name)
	if key == "" {
		return "", false
	}
	if key[0] == '.' {
		key = key[1:]
	}
	key = torchWrappers.ReplaceAllString(key, "")
	key = torchList.ReplaceAllString(key, ".weights.")
	key = torchBlock.ReplaceAllStringFunc(key, func(block string) string {
		parts := torchBlock.FindStringSubmatch(block)
		return ".layers." + parts[1] + map[string]string{"f": ".0", "g": ".1"}[parts[2]]
	})
	return key, true
}
