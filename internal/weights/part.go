package weights

import (
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/nn"
)

// LoadBut is [Load] for a detector that may get other classes: parameters that predict classes stay as they are with newClasses, or where
// the file has them for another number of classes. It reports whether that is so. A file of another network is a [*fault.DamagedFile].
func LoadBut(m nn.Module, f *safetensors.File, newClasses bool, predicts func(path string) bool) (fresh bool, err error) {
	own, all := map[string]bool{}, []safetensors.Tensor{}
	for _, p := range nn.Params(m) {
		own[p.Path] = true
		now := Save(p)
		t, err := f.Tensor(p.Path)
		if err != nil {
			return false, fault.Damaged(f.Path, "has no %q, so it holds no weights of this detector; name those of one with the same backbone and feature maps", p.Path)
		}
		switch {
		case !predicts(p.Path):
			all = append(all, *t)
		case newClasses || len(t.Shape) == 0 || t.Shape[0] != now.Shape[0]:
			fresh = true
			all = append(all, now)
		default:
			all = append(all, *t)
		}
	}
	for _, name := range f.Names() {
		if !own[name] {
			return false, fault.Damaged(f.Path, "holds %q, which this detector doesn't have; name the weights of one with the same backbone and feature maps", name)
		}
	}
	return fresh, Load(m, safetensors.NewFile(f.Path, all, nil), "")
}

// Renamed returns a file with other names for its tensors, and with the counts of batches of m's batch normalization that the file lacks:
// torchvision's FrozenBatchNorm2d counts none, and they have no effect.
func Renamed(f *safetensors.File, m nn.Module, name func(old string) string) (*safetensors.File, error) {
	var all []safetensors.Tensor
	there := map[string]bool{}
	for _, old := range f.Names() {
		t, err := f.Tensor(old)
		if err != nil {
			return nil, err
		}
		renamed := *t
		renamed.Name = name(old)
		all, there[renamed.Name] = append(all, renamed), true
	}
	for _, p := range nn.Params(m) {
		if p.Tensor.IsInts() && strings.HasSuffix(p.Path, ".num_batches_tracked") && !there[p.Path] {
			all = append(all, Save(p))
		}
	}
	return safetensors.NewFile(f.Path, all, f.Metadata), nil
}
