package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
	"github.com/spf13/cobra"
)

// Fine-tuning: a training with --from begins with the weights of another run. They are copied into the new run, and then
// trained as imported weights are: with all settings from flags, on other data, with a new optimizer.

// fromKey is the entry of the metadata of weights that names the run that they were copied from.
const fromKey = "from"

// addFromFlag adds --from to the training of a kind.
func addFromFlag(c *cobra.Command) {
	c.Flags().String("from", "", "fine-tuning: start with the weights of this run's model of the same kind and its sizes; pictures and settings are those of the flags")
}

// fromFlag returns the value of --from; "" if the command has none.
func fromFlag(c *cobra.Command) string {
	return flagText(c, "from")
}

// openFrom copies the weights of another run into the run, which it makes if there is none. Of several ranks, rank 0 does.
func (f *trainFlags) openFrom(c *cobra.Command, from string, d *tensor.Device) (*runfolder.Run, *tensor.Device, error) {
	switch {
	case f.resume:
		return nil, nil, usagef("--from %s: begins a training, and --resume continues one; leave one of them out", from)
	case sameFile(from, f.run):
		return nil, nil, usagef("--from %s: is the run itself; choose a new folder, or continue with --resume", from)
	}
	var err error
	begin := func() error { return f.copyFrom(from) }
	if ranks := ranksOf(c); ranks != nil {
		err = ranks.Lead(d, begin)
	} else {
		err = begin()
	}
	if err != nil {
		return nil, nil, err
	}
	f.resume, f.fresh = true, true // from here on, the weights are as imported ones
	r, err := runfolder.Open(f.run)
	return r, d, err
}

// copyFrom copies the weights of another run into the run.
func (f *trainFlags) copyFrom(from string) error {
	if _, err := models.Config(from, f.kind.Name); err != nil { // which says what is missing
		return err
	}
	source, err := runfolder.Open(from)
	if err != nil {
		return err
	}
	if err := dropCopied(f.run, f.kind.Name, ""); err != nil { // of a process that was killed before its training began
		return err
	}
	if err := runfolder.CheckTraining(f.run, f.kind.Name); err != nil {
		return err
	}
	return copyModel(source, f.run, f.kind)
}

// copyModel copies the weights and the configuration of a model, and the tokenizer that it reads, to a run.
func copyModel(source *runfolder.Run, dir string, kind models.Info) error {
	var config json.RawMessage
	if err := source.Config(kind.Name, &config); err != nil {
		return err
	}
	file, err := source.ReadWeights(kind.Name)
	if err != nil {
		return err
	}
	var all []safetensors.Tensor
	for _, name := range file.Names() {
		t, err := file.Tensor(name)
		if err != nil {
			return err
		}
		all = append(all, *t)
	}
	var words *tokenizer.Tokenizer
	if kind.Captions && source.HasTokenizer() {
		if words, err = source.LoadTokenizer(); err != nil {
			return err
		}
	}
	r, err := runfolder.Create(dir)
	if err != nil {
		return err
	}
	lock, err := r.Lock()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	c, err := r.Begin()
	if err != nil {
		return err
	}
	meta := map[string]string{fromKey: source.Dir(), "imported": "the run " + source.Dir()}
	err = c.SetConfig(kind.Name, config)
	if err == nil && words != nil {
		err = sharedTokenizer(c, r, words, source.Dir())
	}
	if err == nil {
		err = c.SaveWeights(kind.Name, all, meta)
	}
	if err != nil {
		c.Abort()
		return err
	}
	return c.Commit()
}

// sharedTokenizer makes a tokenizer that of the run, unless the run has the same one.
func sharedTokenizer(c *runfolder.Commit, r *runfolder.Run, words *tokenizer.Tokenizer, from string) error {
	if r.HasTokenizer() {
		own, err := r.Tokenizer()
		if err != nil {
			return err
		}
		if own.Fingerprint == words.Fingerprint() {
			return nil
		}
	}
	return c.SetTokenizer(words, from, models.CaptionReaders()...)
}

// dropFrom removes what a training with --from has copied, if it failed before it began, so that the same command line can be given again.
func dropFrom(c *cobra.Command) error {
	if fromFlag(c) == "" || !leads(c) {
		return nil
	}
	return dropCopied(flagText(c, "run"), c.Name(), fromFlag(c))
}

// dropCopied removes weights that were copied from another run, "" for any, unless a training has begun with them. A folder that has nothing
// else is removed, too.
func dropCopied(dir, model, from string) error {
	r, err := runfolder.Open(dir)
	if err != nil || !r.HasWeights(model) || r.HasTraining(model) {
		return nil
	}
	file, err := r.ReadWeights(model)
	if err != nil {
		return nil
	}
	if copied := file.Metadata[fromKey]; copied == "" || from != "" && copied != from {
		return nil
	}
	remove := []string{model + ".safetensors"}
	if len(r.Models()) == 1 && !r.HasData() {
		remove = append(remove, "tokenizer.json", "manifest.json", "config.json", ".lock")
	}
	for _, name := range remove {
		if err := os.Remove(r.Path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: holds weights that were copied for a training that didn't begin, and they can't be removed (%w); remove the file", r.Path(name), err)
		}
	}
	if len(remove) > 1 {
		_ = os.Remove(dir) // unless there is anything else
	}
	return nil
}
