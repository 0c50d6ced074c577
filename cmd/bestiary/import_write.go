package main

import (
	"fmt"
	"slices"

	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/models"
)

// write makes or opens the run, and writes the tokenizer and the models of files in one commit. It holds the lock of the
// folder: a training may be writing to it.
func (i *importer) write() error {
	var err error
	if i.run, err = runfolder.Create(i.dir); err != nil {
		return err
	}
	lock, err := i.run.Lock()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	c, err := i.run.Begin()
	if err != nil {
		return err
	}
	if err := i.fill(c); err != nil {
		c.Abort()
		return err
	}
	return c.Commit()
}

// fill adds what was read to a commit.
func (i *importer) fill(c *runfolder.Commit) error {
	if i.tokenizer != nil {
		if err := c.SetTokenizer(i.tokenizer, i.source, models.CaptionReaders()...); err != nil {
			return err
		}
	}
	if i.data != nil {
		if err := c.SetData(*i.data); err != nil {
			return err
		}
	}
	for _, m := range i.models {
		if m.module == nil {
			continue
		}
		if err := i.run.CheckNew(m.name); err != nil { // again, now that the folder is locked
			return err
		}
		if err := c.SetConfig(m.name, m.config); err != nil {
			return err
		}
		if m.name == models.Flow.Name {
			if err := i.bindFlow(c); err != nil {
				return err
			}
		}
		if slices.Contains(models.Detectors(), m.name) {
			if err := c.SetOptions(m.name, *i.detector); err != nil {
				return err
			}
		}
		if err := c.SaveWeights(m.name, weights.Of(m.module), map[string]string{"imported": m.origin}); err != nil {
			return err
		}
	}
	return nil
}

// missing returns what the run lacks to generate pictures, with the commands that add it.
func (i *importer) missing() (all []string) {
	if i.run.First(models.CaptionReaders()) != "" && !i.run.HasTokenizer() {
		all = append(all, fmt.Sprintf("the run needs a tokenizer to read prompts: bestiary import --tokenizer FILE --out %s", i.dir))
	}
	if i.run.First(models.Codecs()) != "" && !models.DALLE.In(i.dir) {
		all = append(all, fmt.Sprintf("the run needs a dalle to generate pictures: bestiary train dalle --run %s --data DIR", i.dir))
	}
	switch {
	case models.Flow.In(i.dir) && !models.Autoencoder.In(i.dir):
		all = append(all, fmt.Sprintf("the run needs the flow's autoencoder to make pictures: bestiary import FILE --out %s", i.dir))
	case models.Autoencoder.In(i.dir) && !models.Flow.In(i.dir) && i.run.HasData():
		all = append(all, fmt.Sprintf("the run needs a flow to draw samples: bestiary train flow --run %s --data DIR", i.dir))
	case models.Autoencoder.In(i.dir) && !models.Flow.In(i.dir):
		all = append(all, fmt.Sprintf("the run needs the autoencoder's flow to draw samples: bestiary import FILE --classes NAMES --out %s; to train a flow, import the autoencoder with --classes", i.dir))
	}
	return all
}
