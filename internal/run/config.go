package run

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
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
