package clip

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
)

// torchNames turns the paths of parameters into the names of DALLE-pytorch 1.6.6's CLIP, one part after the other.
var torchNames = strings.NewReplacer(
	"text.token", "text_emb", "text.position", "text_pos_emb", "text.latent", "to_text_latent",
	"image.patch", "to_visual_embedding", "image.position", "visual_pos_emb", "image.latent", "to_visual_latent",
	"text.transformer.layers", "text_transformer.layers.layers", "image.transformer.layers", "visual_transformer.layers.layers",
	"attention.scale", "0.scale", "attention.norm", "0.fn.norm",
	"attention.qkv", "0.fn.fn.fn.to_qkv", "attention.out", "0.fn.fn.fn.to_out.0",
	"ff.scale", "1.scale", "ff.norm", "1.fn.norm", "ff.in", "1.fn.fn.net.0", "ff.out", "1.fn.fn.net.3",
)

// TorchName is the name of the parameter with this path in DALLE-pytorch 1.6.6.
func TorchName(path string) string { return torchNames.Replace(path) }

// torchView is m under DALLE-pytorch's names.
type torchView struct{ *CLIP }

// Visit implements nn.Module.
func (v torchView) Visit(path string, f func(nn.Param)) {
	v.CLIP.Visit(path, func(p nn.Param) {
		p.Path = TorchName(p.Path)
		f(p)
	})
}

// torchScale ends the names of vectors that have shape [1, 1, dim] there.
const torchScale = ".scale"

var torchWrappers = regexp.MustCompile(`(\.fn)+`)

// torchKey is equal for the names of the same tensor in all versions of DALLE-pytorch: modules that only wrap others
// don't count.
func torchKey(name string) string { return torchWrappers.ReplaceAllString(name, "") }

// TorchState returns copies of m's parameters as they are in the state_dict of DALLE-pytorch 1.6.6's CLIP.
// It and LoadTorch serve "bestiary import" and "bestiary export".
func (m *CLIP) TorchState() []safetensors.Tensor {
	all := weights.Of(torchView{m})
	for i, t := range all {
		if strings.HasSuffix(t.Name, torchScale) {
			all[i].Shape = []int{1, 1, t.Len()}
		}
	}
	return all
}

// LoadTorch sets m's parameters from those tensors of a file that begin with prefix, a state_dict of DALLE-pytorch's
// CLIP of any version. m is unchanged after an error.
func (m *CLIP) LoadTorch(f *safetensors.File, prefix string) error {
	names := map[string]string{}
	for _, p := range nn.Params(torchView{m}) {
		names[torchKey(p.Path)] = p.Path
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
		if known, ok := names[torchKey(rest)]; ok {
			delete(names, torchKey(rest)) // another one of that key keeps its name, and is refused
			renamed.Name = known
		}
		if n := t.Len(); strings.HasSuffix(rest, torchScale) && slices.Equal(t.Shape, []int{1, 1, n}) {
			renamed.Shape = []int{n}
		}
		state = append(state, renamed)
	}
	return weights.Load(torchView{m}, safetensors.NewFile(f.Path, state, nil), "")
}
