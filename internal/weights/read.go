package weights

import (
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/torchfile"
)

// ReadState reads a state dict: a safetensors file, or a file of torch.save that holds the state dict itself or under "state_dict".
// The error for a file that is not what it should be is a [*fault.DamagedFile].
func ReadState(path string) (*safetensors.File, error) {
	if strings.HasSuffix(path, ".safetensors") {
		return safetensors.Read(path)
	}
	f, err := torchfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	dict, ok := f.Root.(*torchfile.Dict)
	if ok {
		if inner, nested := dict.Get("state_dict"); nested {
			dict, ok = inner.(*torchfile.Dict)
		}
	}
	if !ok {
		return nil, fault.Damaged(path, "has no state dict; save one with torch.save(model.state_dict(), path)")
	}
	var all []safetensors.Tensor
	for key, value := range dict.All() {
		name, named := key.(string)
		t, is := value.(*torchfile.Tensor)
		if !named || !is {
			continue
		}
		loaded, err := t.Load()
		if err != nil {
			return nil, fault.Damaged(path, "%s: %v", name, err)
		}
		loaded.Name = name
		all = append(all, loaded)
	}
	return safetensors.NewFile(path, all, nil), nil
}
