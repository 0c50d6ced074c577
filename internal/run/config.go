package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
)

// format is the newest layout of a run folder that this package reads, and the one it writes.
const format = 1

// config is config.json: sections by name, of which those this program doesn't know are kept as they are.
type config map[string]json.RawMessage

// Sections of config.json that hold one entry a model.
const (
	modelsSection   = "models"
	trainingSection = "training"
	optionsSection  = "options"
	dataSection     = "data"
)

// Config reads a model's settings into what into points to.
func (r *Run) Config(model string, into any) error { return r.get(modelsSection, model, into) }

// SetConfig replaces a model's settings. Settings are anything that JSON can hold.
func (r *Run) SetConfig(model string, v any) error { return r.set(modelsSection, model, v) }

// Training reads the settings that a model was trained with.
func (r *Run) Training(model string, into any) error { return r.get(trainingSection, model, into) }

// SetTraining replaces the settings that a model is trained with.
func (r *Run) SetTraining(model string, v any) error { return r.set(trainingSection, model, v) }

// Options reads what else a model's training was told: what is neither the model's nor every training's.
func (r *Run) Options(model string, into any) error { return r.get(optionsSection, model, into) }

// SetOptions replaces it.
func (r *Run) SetOptions(model string, v any) error { return r.set(optionsSection, model, v) }

// Data reads the description of the data that the run was trained on.
func (r *Run) Data(into any) error {
	c, err := r.readConfig()
	if err != nil {
		return err
	}
	return r.decode(c[dataSection], dataSection, "train a model first", into)
}

// HasData reports whether the run has a description of data; one that was imported has none.
func (r *Run) HasData() bool {
	c, err := r.readConfig()
	return err == nil && c[dataSection] != nil
}

// SetData replaces the description of the data.
func (r *Run) SetData(v any) error {
	c, err := r.readConfig()
	if err != nil {
		return err
	}
	if err := r.put(c, dataSection, v); err != nil {
		return err
	}
	return r.writeConfig(c)
}

func (r *Run) get(section, model string, into any) error {
	c, err := r.readConfig()
	if err != nil {
		return err
	}
	entries, err := r.entries(c, section)
	if err != nil {
		return err
	}
	return r.decode(entries[model], section+"."+model, fmt.Sprintf("make it with \"bestiary train %s\"", model), into)
}

func (r *Run) set(section, model string, v any) error {
	c, err := r.readConfig()
	if err != nil {
		return err
	}
	entries, err := r.entries(c, section)
	if err != nil {
		return err
	}
	if err := r.put(entries, model, v); err != nil {
		return err
	}
	if err := r.put(c, section, entries); err != nil {
		return err
	}
	return r.writeConfig(c)
}

// entries are the parts of a section, by model.
func (r *Run) entries(c config, section string) (config, error) {
	entries := config{}
	if raw, ok := c[section]; ok {
		if err := json.Unmarshal(raw, &entries); err != nil || entries == nil {
			return nil, fmt.Errorf("%s: the section %q is not an object; restore the file", r.Path(configName), section)
		}
	}
	return entries, nil
}

// decode refuses fields that into doesn't have: a misspelt setting must not be ignored.
func (r *Run) decode(raw json.RawMessage, name, remedy string, into any) error {
	if raw == nil {
		return fmt.Errorf("%s: has no section %q; %s", r.Path(configName), name, remedy)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%s: the section %q cannot be understood (%w); correct it", r.Path(configName), name, err)
	}
	return nil
}

func (r *Run) put(c config, name string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: the section %q cannot be written: %w", r.Path(configName), name, err)
	}
	c[name] = raw
	return nil
}

func (r *Run) readConfig() (config, error) {
	path := r.Path(configName)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if exists(r.dir) {
			return nil, fmt.Errorf("%s: is no run folder (%s is missing); name one that \"bestiary train\" made", r.dir, configName)
		}
		return nil, fmt.Errorf("%s: there is no such run folder; check the path, or make one with \"bestiary train\"", r.dir)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read (%w); check that you may read it", path, cause(err))
	}
	c := config{}
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("%s: is not a JSON object (%w); restore the file from a copy", path, err)
	}
	version := 0
	if err := json.Unmarshal(c["format"], &version); err != nil || version < 1 {
		return nil, fmt.Errorf("%s: its \"format\" is not a version number; restore the file from a copy", path)
	}
	if version > format {
		return nil, fmt.Errorf("%s: was written by a newer bestiary (format %d, this one knows %d); update bestiary to use it",
			path, version, format)
	}
	return c, nil
}

func (r *Run) writeConfig(c config) error {
	if err := r.put(c, "format", format); err != nil {
		return err
	}
	if err := r.put(c, "program", Program()); err != nil {
		return err
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: cannot be written: %w", r.Path(configName), err)
	}
	return atomicfile.WriteBytes(r.Path(configName), append(text, '\n'))
}

// Program names this program and its version, as files record it.
func Program() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return "bestiary " + info.Main.Version
	}
	return "bestiary (unknown version)"
}
