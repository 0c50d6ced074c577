package interchange

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/internal/finite"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
)

// stateTensor is an entry of a state_dict. Entries that share a tensor there have the same pointer.
type stateTensor struct {
	name   string
	tensor *safetensors.Tensor
}

// saveDALLE returns copies of m's tensors as they are in the state_dict of DALLE-pytorch 1.6.6's DALLE, in its order and
// with its buffers, but without those of its discrete VAE ("vae.…").
func saveDALLE(m *dalle.DALLE) []stateTensor {
	var all []stateTensor
	saved := map[string]*safetensors.Tensor{}
	for _, e := range DALLEState(m) {
		t := saved[e.Parts[0].Path]
		if t == nil {
			t = &safetensors.Tensor{Name: e.Name, DType: safetensors.F32, Shape: e.Shape}
			for _, p := range e.Parts {
				t.F32 = append(t.F32, weights.Save(p).F32...)
			}
			saved[e.Parts[0].Path] = t
		}
		all = append(all, stateTensor{e.Name, t})
	}
	if m.Config().Transformer.Rotary {
		all = slices.Insert(all, 0, stateTensor{anglesName, rotaryAngles(m.Config())})
	}
	return all
}

// rotaryAngles is DALLE-pytorch's buffer of rotary angles [1, positions, 2·R], each of them twice. It has one row more
// than the model has positions: that of the last cell.
func rotaryAngles(c dalle.Config) *safetensors.Tensor {
	transformer := c.Transformer
	transformer.Geometry = c.Geometry()
	angles, r := transformer.Angles(transformer.Geometry.Len() + 1)
	t := &safetensors.Tensor{Name: anglesName, DType: safetensors.F32, Shape: []int{1, len(angles) / r, 2 * r}}
	for _, a := range angles {
		t.F32 = append(t.F32, a, a)
	}
	return t
}

// LoadDALLE sets m's parameters from a state_dict of DALLE-pytorch, given by the names of its tensors and a function that
// loads one. Names may be those of any version: modules that only wrap others are ignored, and so is what precedes the
// names of DALLE itself; tensors of the discrete VAE are skipped. m is unchanged after an error, which doesn't name the
// file.
func LoadDALLE(m *dalle.DALLE, names []string, load func(name string) (safetensors.Tensor, error)) error {
	theirs := map[string]string{}
	for _, name := range names {
		if key, ok := dalleKey(name); ok {
			theirs[key] = name
		}
	}
	var sets []func()
	var check finite.Check
	for _, e := range DALLEState(m) {
		key, _ := dalleKey(e.Name)
		name, ok := theirs[key]
		delete(theirs, key)
		if e.Alias {
			continue
		}
		if !ok {
			return fmt.Errorf("has no %q; import it with the settings that it was trained with", e.Name)
		}
		values, err := loadValues(name, e.Shape, load)
		if err != nil {
			return err
		}
		check.Add(name, values)
		for _, p := range e.Parts {
			own := values[:p.Tensor.Len()]
			values = values[p.Tensor.Len():]
			sets = append(sets, func() { setParam(p, own) })
		}
	}
	if name, ok := theirs[anglesName]; ok && m.Config().Transformer.Rotary {
		if err := checkAngles(m.Config(), name, load); err != nil {
			return err
		}
		delete(theirs, anglesName)
	}
	for _, key := range slices.Sorted(maps.Keys(theirs)) {
		return fmt.Errorf("holds %q, which a DALL-E of these settings doesn't have; import it with the settings that it was trained with", theirs[key])
	}
	if problem := check.Problem(); problem != "" {
		return errors.New(problem)
	}
	for _, set := range sets {
		set()
	}
	return nil
}

// checkAngles returns an error if a file's rotary angles, which are not parameters, are not those of the configuration. The
// angles of a model in half precision are rounded: image tokens stand at text position 8192, where numbers of 16 bits are 8
// (float16) or 64 (bfloat16) apart. The model computes with the exact ones.
func checkAngles(c dalle.Config, name string, load func(name string) (safetensors.Tensor, error)) error {
	want := rotaryAngles(c)
	got, err := loadValues(name, want.Shape, load)
	if err != nil {
		return err
	}
	rounding := roundingOf(got)
	for i, a := range want.F32 {
		if off := math.Abs(float64(got[i]) - float64(a)); !(off <= 1e-2+rounding*math.Abs(float64(a))) {
			return fmt.Errorf("has other rotary angles in %q than DALLE-pytorch 1.6.6; that version is not supported", name)
		}
	}
	return nil
}

// roundingOf returns the largest relative error of values that were rounded to the narrowest floating-point type that holds
// them: bfloat16 with 8 significant bits, float16 with 11, or float32. They may be stored in a wider type, after half().float().
func roundingOf(values []float32) float64 {
	bits := uint32(0)
	for _, v := range values {
		bits |= math.Float32bits(v)
	}
	switch {
	case bits&(1<<16-1) == 0:
		return 1.0 / (1 << 8)
	case bits&(1<<13-1) == 0:
		return 1.0 / (1 << 11)
	}
	return 0
}

// loadValues loads a tensor of numbers and checks its shape.
func loadValues(name string, shape []int, load func(name string) (safetensors.Tensor, error)) ([]float32, error) {
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
	if len(t.F32) == 0 {
		return nil, fmt.Errorf("has %q with elements of type %s, and weights are floating-point numbers; save the model with model.float()", name, t.DType)
	}
	return t.F32, nil
}

// setParam sets a parameter from values in PyTorch's layout.
func setParam(p nn.Param, values []float32) {
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
	dalleRoot       = regexp.MustCompile(`(^|\.)(transformer\.layers|transformer\.pos_emb|to_logits|text_emb|image_emb|text_pos_emb|image_pos_emb)\b.*`)
	vaeRoot         = regexp.MustCompile(`^(module\.)?vae\.`)
	wrappers        = regexp.MustCompile(`(\.fn)+`)
	reversibleBlock = regexp.MustCompile(`\.blocks\.(\d+)\.([fg])\.net`)
	positionList    = regexp.MustCompile(`\.weights[._]`)
)

// dalleKey is equal for the names of a tensor in all versions of DALLE-pytorch, reversible or not; ok is false for tensors
// that aren't DALLE's.
func dalleKey(name string) (key string, ok bool) {
	if vaeRoot.MatchString(name) {
		return "", false
	}
	key = dalleRoot.FindString(name)
	if key == "" {
		return "", false
	}
	if key[0] == '.' {
		key = key[1:]
	}
	key = wrappers.ReplaceAllString(key, "")
	key = positionList.ReplaceAllString(key, ".weights.")
	key = reversibleBlock.ReplaceAllStringFunc(key, func(block string) string {
		parts := reversibleBlock.FindStringSubmatch(block)
		return ".layers." + parts[1] + map[string]string{"f": ".0", "g": ".1"}[parts[2]]
	})
	return key, true
}
