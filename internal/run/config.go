package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
)

// format is the newest layout of a run folder that this package reads, and the one it writes.
const format = 1

// config is config.json: sections by name. Sections that this program doesn't know are kept.
type config map[string]json.RawMessage

// Sections of config.json that hold one entry a model.
const (
	modelsSection   = "models"
	trainingSection = "training"
	optionsSection  = "options"
	dataSection     = "data"
)

// Config reads a model's configuration into what into points to. A run without the model is a [*fault.Missing].
func (r *Run) Config(model string, into any) error { return r.get(modelsSection, model, into) }

// SetConfig replaces a model's configuration, a value that JSON can hold.
func (r *Run) SetConfig(model string, v any) error { return r.set(modelsSection, model, v) }

// Training reads the settings that a model was trained with.
func (r *Run) Training(model string, into any) error { return r.get(trainingSection, model, into) }

// SetTraining replaces the settings that a model is trained with.
func (r *Run) SetTraining(model string, v any) error { return r.set(trainingSection, model, v) }

// Options reads the options of a model's training that are neither in its configuration nor in its training settings.
func (r *Run) Options(model string, into any) error { return r.get(optionsSection, model, into) }

// SetOptions replaces them.
func (r *Run) SetOptions(model string, v any) error { return r.set(optionsSection, model, v) }

// Data reads the description of the data that the run was trained on.
func (r *Run) Data(into any) error {
	c, err := r.readConfig()
	if err != nil {
		return err
	}
	if c[dataSection] == nil {
		return fmt.Errorf("%s: has no section %q; train a model first", r.Path(configName), dataSection)
	}
	return r.decode(c[dataSection], dataSection, into)
}

// HasData reports whether the run has a description of its data. A run of imported models has none.
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
	if entries[model] == nil {
		if section != optionsSection && !r.HasWeights(model) && !r.HasState(model) {
			return r.missing(model)
		}
		return fmt.Errorf("%s: has no section \"%s.%s\"; restore the file from a copy", r.Path(configName), section, model)
	}
	return r.decode(entries[model], section+"."+model, into)
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

// entries returns the entries of a section by model.
func (r *Run) entries(c config, section string) (config, error) {
	entries := config{}
	if raw, ok := c[section]; ok {
		if err := json.Unmarshal(raw, &entries); err != nil || entries == nil {
			return nil, fault.Damaged(r.Path(configName), "the section %q is not an object; restore the file from a copy", section)
		}
	}
	return entries, nil
}

// decode reads a section. A field that into doesn't have is an error: a misspelt setting must not be ignored.
func (r *Run) decode(raw json.RawMessage, name string, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fault.Damaged(r.Path(configName), "the section %q can't be understood (%v); correct it", name, err)
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
			return nil, fmt.Errorf("%s: there is no run folder here (%s is missing); name the folder of a training", r.dir, configName)
		}
		return nil, fmt.Errorf("%s: there is no such run folder; check the path, or train a model there first", r.dir)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read (%w); check that you may read it", path, cause(err))
	}
	c := config{}
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fault.Damaged(path, "is not a JSON object (%v); restore the file from a copy", err)
	}
	version := 0
	if err := json.Unmarshal(c["format"], &version); err != nil || version < 1 {
		return nil, fault.Damaged(path, "its \"format\" is not a version number; restore the file from a copy")
	}
	if version > format {
		return nil, fmt.Errorf("%s: was written by a newer bestiary (format %d, this one reads up to %d); update bestiary to use it",
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

// Program returns the name and version of this program, which files record.
func Program() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return "bestiary " + info.Main.Version
	}
	return "bestiary (unknown version)"
}
