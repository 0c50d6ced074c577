package interchange

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/torchfile"
)

func openTorch(path string) (*source, error) {
	f, err := torchfile.Open(path)
	if err != nil {
		return nil, err
	}
	s := &source{path: path, values: map[string]any{}, tensors: map[string]entry{}, close: f.Close}
	if err := s.readTorch(f); err != nil {
		f.Close()
		return nil, fault.Damaged(path, "%v", err)
	}
	return s, nil
}

func (s *source) readTorch(f *torchfile.File) error {
	if module, ok := f.Root.(*torchfile.Object); ok { // that was saved whole
		if f.Root = module.StateDict(); module.StateDict() == nil {
			return fmt.Errorf("holds a %s, which is no module; name a checkpoint that DALLE-pytorch's train_vae.py or train_dalle.py wrote, or a state_dict", module.Class)
		}
	}
	root, ok := f.Root.(*torchfile.Dict)
	if !ok {
		return fmt.Errorf("holds no dictionary; name a checkpoint that DALLE-pytorch's train_vae.py or train_dalle.py wrote, or a state_dict")
	}
	for _, key := range sections {
		if v, ok := root.Get(key); ok {
			var err error
			if s.values[key], err = plain(v); err != nil {
				return fmt.Errorf("%w in its %s; name a checkpoint that DALLE-pytorch wrote", err, key)
			}
		}
	}
	weights, bare, err := stateOf(root)
	if err != nil {
		return err
	}
	loaded := map[*torchfile.Tensor]*safetensors.Tensor{} // tied weights are loaded once
	room := 4*f.Size + 1<<20                              // half precision doubles in memory; nothing else grows
	for key, v := range weights.All() {
		name, ok1 := key.(string)
		t, ok2 := v.(*torchfile.Tensor)
		if bare && ok1 && !ok2 { // counters and the like beside the weights
			continue
		}
		if !ok1 || !ok2 {
			return fmt.Errorf("has %.40q among its weights, which is not a tensor; name a checkpoint that DALLE-pytorch wrote", fmt.Sprint(key))
		}
		s.order = append(s.order, name)
		s.tensors[name] = entry{t.Shape, func() (safetensors.Tensor, error) {
			if loaded[t] == nil {
				if room -= int64(t.Len()) * int64(max(t.DType.Size(), 4)); room < 0 {
					return safetensors.Tensor{}, fmt.Errorf("has weights that repeat each other's numbers many times over; name a checkpoint that DALLE-pytorch wrote")
				}
				v, err := t.Load()
				if err != nil {
					return v, fmt.Errorf("%w in %q; copy the file again", err, name)
				}
				loaded[t] = &v
			}
			return *loaded[t], nil
		}}
	}
	return nil
}

// stateKeys are the keys under which checkpoints have their weights: DALLE-pytorch's, then those of other training scripts.
var stateKeys = []string{weightsKey, "state_dict", "model_state_dict", "model"}

// stateOf returns the dictionary of the weights: root itself if bare.
func stateOf(root *torchfile.Dict) (weights *torchfile.Dict, bare bool, err error) {
	for _, key := range stateKeys {
		found, ok := root.Get(key)
		if !ok {
			continue
		}
		switch found := found.(type) {
		case *torchfile.Dict:
			return found, false, nil
		case string:
			if key == weightsKey {
				return nil, false, fmt.Errorf("holds a note instead of weights (%.60q): it is the auxiliary file of a DeepSpeed checkpoint; consolidate that to one file first", found)
			}
		}
	}
	for _, v := range root.All() {
		if _, ok := v.(*torchfile.Tensor); ok {
			return root, true, nil
		}
	}
	return nil, false, fmt.Errorf("holds no weights; name a checkpoint that DALLE-pytorch's train_vae.py or train_dalle.py wrote, or a state_dict")
}

// plain converts a value without tensors to the types of a source.
func plain(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, int64, float64, string:
		return v, nil
	case torchfile.List:
		return plains(v)
	case torchfile.Tuple:
		return plains(v)
	case *torchfile.Dict:
		all := map[string]any{}
		for key, value := range v.All() {
			name, ok := key.(string)
			if !ok {
				return nil, fmt.Errorf("has the key %v", key)
			}
			p, err := plain(value)
			if err != nil {
				return nil, err
			}
			all[name] = p
		}
		return all, nil
	}
	return nil, fmt.Errorf("has a tensor")
}

func plains(items []any) (any, error) {
	all := make([]any, len(items))
	for i, v := range items {
		p, err := plain(v)
		if err != nil {
			return nil, err
		}
		all[i] = p
	}
	return all, nil
}
