package nn

import "github.com/bestiary-ml/bestiary/internal/safetensors"

// SaveFile writes the parameters and buffers of m to a safetensors file, in PyTorch's layout and under PyTorch's names.
func SaveFile(m Module, path string) error { return safetensors.Write(path, state(m), nil) }

// LoadFile sets the parameters and buffers of m from what SaveFile wrote, or from the weights in a run folder,
// "<model>.safetensors". Everything that m has must be there with the right shape, and nothing else; m is unchanged after
// an error.
func LoadFile(m Module, path string) error {
	f, err := safetensors.Read(path)
	if err != nil {
		return err
	}
	return load(m, f, "")
}
