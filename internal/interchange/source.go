package interchange

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/hdf5"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
)

// source is an open file of one of the formats: values (nil, bool, int64, float64, string, []any, map[string]any) and tensors.
type source struct {
	path    string
	values  map[string]any
	order   []string // the tensors' names
	tensors map[string]entry
	close   func() error
	keras   bool // names and layouts are those of Keras
}

// entry is a tensor that is not loaded yet.
type entry struct {
	shape []int
	load  func() (safetensors.Tensor, error)
}

// sections are the values that are read. Others belong to training, such as the state of the optimizer.
var sections = []string{"hparams", "vae_params", "vae_class_name", "version", "epoch", classesSection}

const weightsKey = "weights"

// open opens a file of any of the formats. Names lose what wrappers of modules put into them.
func open(path string) (*source, error) {
	s, err := openFormat(path)
	if err != nil {
		return nil, err
	}
	if err := s.unwrap(); err != nil {
		s.close()
		return nil, fault.Damaged(path, "%v", err)
	}
	return s, nil
}

// openFormat detects the format by the name and the first bytes.
func openFormat(path string) (*source, error) {
	if strings.HasSuffix(path, shardIndexSuffix) {
		return openShards(path)
	}
	file, err := os.Open(path)
	if err == nil {
		head := make([]byte, 9)
		n, _ := io.ReadFull(file, head) // a shorter file is of none of the formats
		file.Close()
		if hdf5.Is(head[:n]) {
			return openKeras(path)
		}
		if n == len(head) && head[8] == '{' && bytes.Equal(head[5:8], []byte{0, 0, 0}) {
			return openSafetensors(path)
		}
	}
	return openTorch(path)
}

func openSafetensors(path string) (*source, error) {
	if shard := shardName.FindString(path); shard != "" && shard != "-00001-of-00001.safetensors" {
		return nil, fmt.Errorf("%s: is one of several shards of a checkpoint; name the file that lists them, such as model%s", path, shardIndexSuffix)
	}
	s := newSource(path)
	return s, s.addSafetensors(path)
}

func newSource(path string) *source {
	return &source{path: path, values: map[string]any{}, tensors: map[string]entry{}, close: func() error { return nil }}
}

// addSafetensors adds the tensors and the metadata of a file.
func (s *source) addSafetensors(path string) error {
	f, err := safetensors.Read(path)
	if err != nil {
		return err
	}
	for _, key := range sections {
		text, ok := f.Metadata[key]
		if !ok {
			continue
		}
		if s.values[key], err = parseJSON(text); err != nil {
			return fault.Damaged(path, "its metadata %q is not JSON (%v); use a file that this program exported", key, err)
		}
	}
	for _, name := range f.Names() {
		t, err := f.Tensor(name)
		if err != nil {
			return err
		}
		if _, twice := s.tensors[name]; twice {
			return fault.Damaged(path, "holds %.80q, which another shard has, too; copy the shards again", name)
		}
		s.order = append(s.order, name)
		s.tensors[name] = entry{t.Shape, func() (safetensors.Tensor, error) { return *t, nil }}
	}
	return nil
}

// parseJSON distinguishes integers from other numbers, as Python does.
func parseJSON(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return numbers(v), nil
}

func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // of a number too large: ±Inf, which no argument may be
		return f
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = numbers(v[key])
		}
	}
	return v
}

// names returns the names of the tensors.
func (s *source) names() []string { return s.order }

func (s *source) shape(name string) ([]int, bool) {
	e, ok := s.tensors[name]
	return e.shape, ok
}

func (s *source) load(name string) (safetensors.Tensor, error) {
	e, ok := s.tensors[name]
	if !ok {
		return safetensors.Tensor{}, fmt.Errorf("has no %q among its weights; name a checkpoint that is whole", name)
	}
	return e.load()
}

// file loads the tensors whose names begin with prefix, without the prefix.
func (s *source) file(prefix string) (*safetensors.File, error) {
	var all []safetensors.Tensor
	for _, name := range s.names() {
		own, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		t, err := s.load(name)
		if err != nil {
			return nil, damaged(s.path, err)
		}
		t.Name = own
		all = append(all, t)
	}
	return safetensors.NewFile(s.path, all, nil), nil
}

// torchOrigin is the program that a file is from unless its content says otherwise.
const torchOrigin = "DALLE-pytorch"

// origin describes the program that wrote the file.
func (s *source) origin() string {
	origin := torchOrigin
	if version, ok := s.values["version"].(string); ok {
		origin += fmt.Sprintf(" %.20s", version)
	}
	if epoch, ok := s.values["epoch"].(int64); ok {
		origin += fmt.Sprintf(", epoch %d", epoch)
	}
	return origin
}
