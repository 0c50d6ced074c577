package run

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"runtime/debug"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/regular"
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

// Training reads the settings that a model was trained with.
func (r *Run) Training(model string, into any) error { return r.get(trainingSection, model, into) }

// Options reads the options of a model's training that are neither in its configuration nor in its training settings.
func (r *Run) Options(model string, into any) error { return r.get(optionsSection, model, into) }

// Data reads the description of the data that the run was trained on.
func (r *Run) Data(into any) error {
	c, err := r.readConfig()
	if err != nil {
		return err
	}
	if c[dataSection] == nil {
		return fmt.Errorf("%s: does not describe the data that its models were trained on, as in a run of imported models; train a model there first", r.Path(configName))
	}
	return r.decode(c[dataSection], dataSection, into)
}

// HasData reports whether the run has a description of its data. A run of imported models has none.
func (r *Run) HasData() bool {
	c, err := r.readConfig()
	return err == nil && c[dataSection] != nil
}

// HasTraining reports whether a training of the model was started. It may have no checkpoint yet.
func (r *Run) HasTraining(model string) bool {
	c, err := r.readConfig()
	if err != nil {
		return false
	}
	entries, err := r.entries(c, trainingSection)
	return err == nil && entries[model] != nil
}

// SetConfig replaces a model's configuration, a value that JSON can hold.
func (r *Run) SetConfig(model string, v any) error {
	return r.update(func(c *Commit) error { return c.SetConfig(model, v) })
}

// SetTraining replaces the settings that a model is trained with.
func (r *Run) SetTraining(model string, v any) error {
	return r.update(func(c *Commit) error { return c.SetTraining(model, v) })
}

// SetOptions replaces the options of a model's training.
func (r *Run) SetOptions(model string, v any) error {
	return r.update(func(c *Commit) error { return c.SetOptions(model, v) })
}

// SetData replaces the description of the data.
func (r *Run) SetData(v any) error {
	return r.update(func(c *Commit) error { return c.SetData(v) })
}

// SetConfig is [Run.SetConfig] as a part of the commit.
func (c *Commit) SetConfig(model string, v any) error { return c.set(modelsSection, model, v) }

// SetTraining is [Run.SetTraining] as a part of the commit.
func (c *Commit) SetTraining(model string, v any) error { return c.set(trainingSection, model, v) }

// SetOptions is [Run.SetOptions] as a part of the commit.
func (c *Commit) SetOptions(model string, v any) error { return c.set(optionsSection, model, v) }

// SetData is [Run.SetData] as a part of the commit.
func (c *Commit) SetData(v any) error {
	all, err := c.readConfig()
	if err != nil {
		return err
	}
	return c.put(all, dataSection, v)
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
		if section == trainingSection {
			return fmt.Errorf("%s: tells of no training of the %s, as where it was imported; train a new one in another folder", r.Path(configName), model)
		}
		return fmt.Errorf("%s: has no section \"%s.%s\"; restore the file from a copy, or save the model's settings with it", r.Path(configName), section, model)
	}
	return r.decode(entries[model], section+"."+model, into)
}

func (c *Commit) set(section, model string, v any) error {
	all, err := c.readConfig()
	if err != nil {
		return err
	}
	entries, err := c.run.entries(all, section)
	if err != nil {
		return err
	}
	if err := c.put(entries, model, v); err != nil {
		return err
	}
	return c.put(all, section, entries)
}

// put sets a section and notes whether it changes.
func (c *Commit) put(all config, name string, v any) error {
	before := all[name]
	if err := c.run.put(all, name, v); err != nil {
		return err
	}
	c.changed = c.changed || before == nil || !bytes.Equal(compact(before), compact(all[name]))
	return nil
}

// readConfig returns the configuration with the changes so far.
func (c *Commit) readConfig() (config, error) {
	if c.config != nil {
		return c.config, nil
	}
	all, err := c.run.readConfig()
	if err == nil {
		c.config = all
	}
	return all, err
}

func (c *Commit) writeConfig() error {
	text, err := c.run.encodeConfig(c.config)
	if err != nil {
		return err
	}
	return c.write(configName, func(w io.Writer) (string, error) {
		_, err := w.Write(text)
		return "", err
	})
}

// compact returns JSON without the space between its tokens.
func compact(raw json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}

// modelSum returns the checksum of a model's configuration, "" if there is none.
func (r *Run) modelSum(c config, model string) string {
	entries, err := r.entries(c, modelsSection)
	if err != nil || entries[model] == nil {
		return ""
	}
	sum := sha256.Sum256(compact(entries[model]))
	return hex.EncodeToString(sum[:])
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

// readConfig reads config.json and checks that it is the one that was committed.
func (r *Run) readConfig() (c config, err error) {
	err = r.settled(func(m *manifest) error {
		c, err = r.readConfigOf(m)
		return err
	})
	return c, err
}

func (r *Run) readConfigOf(m *manifest) (config, error) {
	path, e := r.locate(m, configName)
	raw, err := regular.ReadFile(path, maxSettings)
	path = r.Path(configName)
	if errors.Is(err, fs.ErrNotExist) {
		switch {
		case e != nil:
			return nil, &Changed{Path: path, What: "is missing", Remedy: "restore it from a copy"}
		case exists(r.dir):
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
	if e != nil && (e.Size != int64(len(raw)) || e.CRC != sumText(crc32.Checksum(raw, castagnoli))) {
		return nil, changed(path)
	}
	return c, nil
}

// encodeConfig returns the bytes of config.json.
func (r *Run) encodeConfig(c config) ([]byte, error) {
	if err := r.put(c, "format", format); err != nil {
		return nil, err
	}
	if err := r.put(c, "program", Program()); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be written: %w", r.Path(configName), err)
	}
	return append(text, '\n'), nil
}

// Program returns the name and version of this program, which files record.
func Program() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return "bestiary " + info.Main.Version
	}
	return "bestiary (unknown version)"
}
