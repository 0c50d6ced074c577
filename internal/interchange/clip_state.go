package interchange

import (
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
)

// clipNames turns the paths of parameters into the names of DALLE-pytorch 1.6.6's CLIP, part by part.
var clipNames = strings.NewReplacer(
	"text.token", "text_emb", "text.position", "text_pos_emb", "text.latent", "to_text_latent",
	"image.patch", "to_visual_embedding", "image.position", "visual_pos_emb", "image.latent", "to_visual_latent",
	"text.transformer.layers", "text_transformer.layers.layers", "image.transformer.layers", "visual_transformer.layers.layers",
	"attention.scale", "0.scale", "attention.norm", "0.fn.norm",
	"attention.qkv", "0.fn.fn.fn.to_qkv", "attention.out", "0.fn.fn.fn.to_out.0",
	"ff.scale", "1.scale", "ff.norm", "1.fn.norm", "ff.in", "1.fn.fn.net.0", "ff.out", "1.fn.fn.net.3",
)

// CLIPName returns the name of the parameter with this path in the state_dict of DALLE-pytorch 1.6.6's CLIP.
func CLIPName(path string) string { return clipNames.Replace(path) }

// clipView is a CLIP whose parameters have DALLE-pytorch's names.
type clipView struct{ *clip.CLIP }

// Visit implements nn.Module.
func (v clipView) Visit(path string, f func(nn.Param)) {
	v.CLIP.Visit(path, func(p nn.Param) {
		p.Path = CLIPName(p.Path)
		f(p)
	})
}

// scaleSuffix ends the names of vectors that have shape [1, 1, dim] there.
const scaleSuffix = ".scale"

// clipKey is equal for the names of a tensor in all versions of DALLE-pytorch: modules that only wrap others are ignored.
func clipKey(name string) string { return wrappers.ReplaceAllString(name, "") }

// saveCLIP returns copies of m's parameters as they are in the state_dict of DALLE-pytorch 1.6.6's CLIP.
func saveCLIP(m *clip.CLIP) []safetensors.Tensor {
	all := weights.Of(clipView{m})
	for i, t := range all {
		if strings.HasSuffix(t.Name, scaleSuffix) {
			all[i].Shape = []int{1, 1, t.Len()}
		}
	}
	return all
}

// LoadCLIP sets m's parameters from the tensors of a file whose names begin with prefix: a state_dict of DALLE-pytorch's
// CLIP of any version. m is unchanged after an error.
func LoadCLIP(m *clip.CLIP, f *safetensors.File, prefix string) error {
	names := map[string]string{}
	for _, p := range nn.Params(clipView{m}) {
		names[clipKey(p.Path)] = p.Path
	}
	var state []safetensors.Tensor
	for _, name := range f.Names() {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		t, err := f.Tensor(name)
		if err != nil {
			return err
		}
		renamed := *t
		renamed.Name = rest
		if known, ok := names[clipKey(rest)]; ok {
			delete(names, clipKey(rest)) // another tensor of that key keeps its name, and is refused
			renamed.Name = known
		}
		if n := t.Len(); strings.HasSuffix(rest, scaleSuffix) && slices.Equal(t.Shape, []int{1, 1, n}) {
			renamed.Shape = []int{n}
		}
		state = append(state, renamed)
	}
	return weights.Load(clipView{m}, safetensors.NewFile(f.Path, state, nil), "")
}
