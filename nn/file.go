package nn

import "github.com/bestiary-ml/bestiary/internal/safetensors"

// SaveFile writes the parameters and buffers of m to a safetensors file, in PyTorch's layout and under PyTorch's names. It
// replaces the file in one step, so that a crash leaves either the old file or the new one. The error is that of the file
// system.
func SaveFile(m Module, path string) error { return safetensors.Write(path, state(m), nil) }

// LoadFile sets the parameters and buffers of m from a file that SaveFile wrote, or from the weights in a run folder,
// "<model>.safetensors". The file must have everything that m has with the right shape, and nothing else. m is unchanged
// after an error. A file of another model, and one with weights that are NaN or infinite, is a [*fault.DamagedFile] that
// names the tensor.
func LoadFile(m Module, path string) error {
	f, err := safetensors.Read(path)
	if err != nil {
		return err
	}
	return load(m, f, "")
}
