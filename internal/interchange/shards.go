package interchange

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/bestiary-ml/bestiary/fault"
	"gopkg.in/yaml.v3"
)

// shardIndexSuffix ends the names of files that list the shards of a checkpoint.
const shardIndexSuffix = ".safetensors.index.json"

var shardName = regexp.MustCompile(`-\d{5}-of-\d{5}\.safetensors$`)

// maxJSON is the largest file of JSON that is read, in bytes.
const maxJSON = 64 << 20

// openShards opens a checkpoint whose tensors are in several safetensors files beside the index, as Hugging Face's libraries
// write it: {"metadata": {…}, "weight_map": {"name of a tensor": "model-00001-of-00002.safetensors"}}.
func openShards(path string) (*source, error) {
	text, err := readJSON(path)
	if err != nil {
		return nil, err
	}
	var index struct {
		Metadata map[string]any    `json:"metadata"`
		Weights  map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &index); err != nil || len(index.Weights) == 0 {
		return nil, fault.Damaged(path, "is no index of shards (%v); copy it again from where the checkpoint was saved", or(err, "it has no weight_map"))
	}
	s := newSource(path)
	for _, shard := range slices.Compact(slices.Sorted(maps.Values(index.Weights))) {
		if filepath.Base(shard) != shard || !filepath.IsLocal(shard) {
			return nil, fault.Damaged(path, "names the shard %.80q, which is not a file beside it; put all shards into one folder", shard)
		}
		before := len(s.order)
		file := filepath.Join(filepath.Dir(path), shard)
		if err := s.addSafetensors(file); err != nil {
			return nil, err
		}
		for _, name := range s.order[before:] {
			if index.Weights[name] != shard {
				return nil, fault.Damaged(file, "holds %.80q, which %s doesn't list in it; copy the shards of one checkpoint into one folder", name, path)
			}
		}
	}
	for name, shard := range index.Weights {
		if _, ok := s.tensors[name]; !ok {
			return nil, fault.Damaged(filepath.Join(filepath.Dir(path), shard), "has no %.80q, which %s lists in it; copy the shards of one checkpoint into one folder", name, path)
		}
	}
	return s, nil
}

// or returns err, or the text if it is nil.
func or(err error, text string) any {
	if err != nil {
		return err
	}
	return text
}

// readJSON reads a file that is not larger than maxJSON.
func readJSON(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be opened (%w); check the path", path, causeOf(err))
	}
	if !info.Mode().IsRegular() || info.Size() > maxJSON {
		return nil, fmt.Errorf("%s: is not a file of JSON of at most %d MB; check the path", path, maxJSON>>20)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be opened (%w); check that you may read it", path, causeOf(err))
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxJSON))
}

// readYAML adds the settings of a configuration file of taming-transformers, whose model is what counts.
func (s *source) readYAML(path string, text []byte) error {
	var file struct {
		Model map[string]any `yaml:"model"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return fault.Damaged(path, "is not a configuration file of taming-transformers (%v); name the .yaml of the model", err)
	}
	if _, ok := file.Model["params"].(map[string]any); !ok {
		return fault.Damaged(path, "has no model with params; name the .yaml of a model of taming-transformers")
	}
	s.values[vqganSettings] = integers(file.Model)
	return nil
}

// integers converts the numbers of YAML to those of a source.
func integers(v any) any {
	switch v := v.(type) {
	case int:
		return int64(v)
	case []any:
		for i := range v {
			v[i] = integers(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = integers(v[key])
		}
	}
	return v
}

// causeOf returns the error of the system without the path, which the message has already.
func causeOf(err error) error {
	if p, ok := err.(*os.PathError); ok {
		return p.Err
	}
	return err
}

// readSettings adds hparams, and what belongs to them, from a file of JSON.
func (s *source) readSettings(path string) error {
	text, err := readJSON(path)
	if err != nil {
		return err
	}
	if ending := filepath.Ext(path); ending == ".yaml" || ending == ".yml" {
		return s.readYAML(path, text)
	}
	v, err := parseJSON(string(text))
	given, ok := v.(map[string]any)
	if err != nil || !ok {
		return fault.Damaged(path, "is not an object of JSON (%v); give the arguments of the model's constructor by their names, such as {\"dim\": 256}", or(err, "it is another value"))
	}
	if _, ok := given["hparams"]; !ok {
		given = map[string]any{"hparams": given}
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(sections, key) {
			return fault.Damaged(path, "has the section %.60q beside hparams; the sections are hparams, vae_params and version", key)
		}
		if old, has := s.values[key]; has && old != nil {
			return fmt.Errorf("%s: has %s of its own; import it without %s", s.path, key, path)
		}
		s.values[key] = given[key]
	}
	return nil
}
