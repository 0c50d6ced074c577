package interchange

import (
	"fmt"
	"slices"
	"strings"
)

// wrapperParts are the parts of names that wrappers of PyTorch add: DataParallel and DistributedDataParallel, torch.compile,
// FSDP and activation checkpointing. No model has a part of such a name of its own.
var wrapperParts = []string{"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"}

// unwrap removes these parts from the names of the tensors.
func (s *source) unwrap() error {
	for i, name := range s.order {
		parts := strings.Split(name, ".")
		plain := strings.Join(slices.DeleteFunc(parts, func(part string) bool { return slices.Contains(wrapperParts, part) }), ".")
		if plain == name {
			continue
		}
		if _, taken := s.tensors[plain]; taken {
			return fmt.Errorf("holds both %.80q and %.80q, which are the same weights of a wrapped model; save one state_dict to a file", name, plain)
		}
		s.order[i], s.tensors[plain] = plain, s.tensors[name]
		delete(s.tensors, name)
	}
	return nil
}
