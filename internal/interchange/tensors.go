package interchange

import "github.com/bestiary-ml/bestiary/internal/safetensors"

// ReadTensors reads all tensors of a state_dict: a file of torch.save or of safetensors. Names lose what wrappers of modules
// put into them. The error for a file that is not what it should be is a [*fault.DamagedFile].
func ReadTensors(path string) (*safetensors.File, error) {
	s, err := open(path)
	if err != nil {
		return nil, err
	}
	defer s.close()
	return s.file("")
}
