package hub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/regular"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
)

// Names of files.
const (
	configName     = "config.json"
	weightsName    = "model.safetensors"
	tokenizerName  = "tokenizer.json" // #nosec G101 -- no credential
	cardName       = "README.md"
	attributesName = ".gitattributes"
)

const (
	library   = "bestiary"
	format    = 1        // of the folder: the newest that is read, and the one that is written
	maxConfig = 64 << 20 // bytes of config.json
)

// config is config.json.
type config struct {
	Library       string                     `json:"library_name"`
	ModelType     string                     `json:"model_type"`
	Format        int                        `json:"bestiary_format"`
	Program       string                     `json:"program,omitempty"`
	Architectures []string                   `json:"architectures"` // kinds of models
	Models        map[string]json.RawMessage `json:"models"`        // configurations by kind
	Options       map[string]json.RawMessage `json:"options,omitempty"`
	Training      map[string]json.RawMessage `json:"training,omitempty"` // settings, for a reader
	Data          json.RawMessage            `json:"data,omitempty"`
}

// configOf returns the configuration of some models of a run.
func configOf(r *run.Run, kinds []string) (*config, error) {
	c := &config{
		Library: library, ModelType: library, Format: format, Program: run.Program(), Architectures: kinds,
		Models: map[string]json.RawMessage{}, Options: map[string]json.RawMessage{}, Training: map[string]json.RawMessage{},
	}
	for _, kind := range kinds {
		var raw json.RawMessage
		if err := r.Config(kind, &raw); err != nil {
			return nil, err
		}
		c.Models[kind] = raw
		for section, read := range map[*map[string]json.RawMessage]func(string, any) error{&c.Options: r.Options, &c.Training: r.Training} {
			var raw json.RawMessage
			if read(kind, &raw) != nil { // an imported model has neither
				continue
			}
			clean, err := withoutPaths(raw)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.Path(configName), err)
			}
			(*section)[kind] = clean
		}
	}
	if !r.HasData() {
		return c, nil
	}
	var raw json.RawMessage
	if err := r.Data(&raw); err != nil {
		return nil, err
	}
	var err error
	c.Data, err = withoutPaths(raw)
	return c, err
}

// pathKeys are the names of settings that hold paths.
var pathKeys = []string{"path", "features"}

// withoutPaths returns JSON in which paths are reduced to their last element.
func withoutPaths(raw json.RawMessage) (json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // seeds have 64 bits
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	cleanPaths(v)
	if described, ok := v["data"].(map[string]any); ok { // of the options of models that read captions
		cleanPaths(described)
	}
	return json.Marshal(v)
}

// cleanPaths reduces the paths of an object.
func cleanPaths(v map[string]any) {
	delete(v, "from")
	for _, key := range pathKeys {
		if text, ok := v[key].(string); ok && text != "" {
			v[key] = filepath.Base(filepath.ToSlash(text))
		}
	}
}

// readConfig reads and checks config.json.
func readConfig(dir string) (*config, error) {
	path := filepath.Join(dir, configName)
	raw, err := regular.ReadFile(path, maxConfig)
	if err != nil {
		return nil, fmt.Errorf("%s: can't be read (%w); name a folder that bestiary exported", path, err)
	}
	c := &config{}
	if err := json.Unmarshal(raw, c); err != nil {
		return nil, fault.Damaged(path, "is not what bestiary writes (%v); download it again", err)
	}
	switch {
	case c.Library != library:
		return nil, fault.Damaged(path, "is of another library than bestiary (library_name %.40q); name a folder that bestiary exported", c.Library)
	case c.Format < 1:
		return nil, fault.Damaged(path, "has no bestiary_format; download it again")
	case c.Format > format:
		return nil, fmt.Errorf("%s: was written by a newer bestiary (format %d, this one reads up to %d); update bestiary to use it", path, c.Format, format)
	case len(c.Models) == 0:
		return nil, fault.Damaged(path, "has no models; download it again")
	}
	for kind := range c.Models {
		if _, known := models.Lookup(kind); !known {
			return nil, fault.Damaged(path, "has a model of the kind %.40q, which this bestiary doesn't know; update bestiary", kind)
		}
	}
	return c, nil
}

// Is reports whether a path is a folder that Write wrote, or a file of one.
func Is(path string) bool {
	raw, err := regular.ReadFile(filepath.Join(folderOf(path), configName), maxConfig)
	var c struct {
		Library string `json:"library_name"`
	}
	return err == nil && json.Unmarshal(raw, &c) == nil && c.Library == library
}

// folderOf returns the folder of a file of it, or the folder itself.
func folderOf(path string) string {
	if base := filepath.Base(path); base == configName || base == weightsName || strings.EqualFold(base, cardName) {
		return filepath.Dir(path)
	}
	return path
}
