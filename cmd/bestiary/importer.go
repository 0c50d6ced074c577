package main

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/interchange"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
)

// importer gathers models and then makes a run of them, so that nothing is written before everything is known to be good.
type importer struct {
	dir       string
	device    *tensor.Device
	run       *runfolder.Run // nil: there is none yet
	models    []importedModel
	tokenizer *tokenizer.Tokenizer
	source    string // of the tokenizer
}

// importedModel is a model of a file, or one that the run has already (then there is nothing but its name, ids and pictures).
type importedModel struct {
	name, file string
	ids        int          // of text; 0 for models that read none
	pictures   pictureShape // nothing for models that see none
	module     nn.Module
	config     any
	what       string // for people
	origin     string
}

// pictureShape is the side and the channels of pictures.
type pictureShape struct{ size, channels int }

// read reads the models of a file.
func (i *importer) read(file string) error {
	checkpoint, err := interchange.Read(file)
	if err != nil {
		return err
	}
	defer checkpoint.Close()
	var found []importedModel
	if v := checkpoint.VAE; v != nil {
		found = append(found, importedModel{name: "dvae", config: *v, pictures: pictureShape{v.ImageSize, v.Channels},
			what: fmt.Sprintf("pictures of %d×%d as %d×%d of %d codes", v.ImageSize, v.ImageSize, v.Grid(), v.Grid(), v.Codes)})
	}
	if m := checkpoint.DALLE; m != nil {
		found = append(found, importedModel{name: "dalle", config: *m, ids: m.TextTokens,
			what: fmt.Sprintf("captions of %d tokens, depth %d, dim %d", m.TextLen, m.Transformer.Depth, m.Transformer.Dim)})
	}
	if m := checkpoint.CLIP; m != nil {
		found = append(found, importedModel{name: "clip", config: *m, ids: m.TextTokens, pictures: pictureShape{m.ImageSize, m.Channels},
			what: fmt.Sprintf("captions of %d tokens, pictures of %d×%d", m.TextLen, m.ImageSize, m.ImageSize)})
	}
	for _, m := range found { // before long work
		for _, other := range i.models {
			if other.name == m.name {
				return usagef("%s and %s: each hold a %s, and a run has one; leave out one of them", other.file, file, m.name)
			}
		}
		if err := runfolder.Check(i.dir, m.name); err != nil {
			return err
		}
	}
	built, err := checkpoint.Build(i.device)
	if err != nil {
		return err
	}
	for _, m := range found {
		m.file, m.origin = file, checkpoint.Origin
		m.module = map[string]nn.Module{"dvae": built.VAE, "dalle": built.DALLE, "clip": built.CLIP}[m.name]
		i.models = append(i.models, m)
	}
	return nil
}

// readRun notes which models the run has already.
func (i *importer) readRun() error {
	r, err := runfolder.Open(i.dir)
	if err != nil {
		if len(i.models) > 0 { // then it was checked before, and is a new one
			return i.agree()
		}
		return err
	}
	i.run = r
	for _, name := range []string{"dvae", "dalle", "clip"} {
		if !r.HasWeights(name) {
			continue
		}
		m := importedModel{name: name, file: i.dir}
		switch name {
		case "dvae":
			var c dvae.Config
			err = r.Config(name, &c)
			m.pictures = pictureShape{c.ImageSize, c.Channels}
		case "dalle":
			var c dalle.Config
			err = r.Config(name, &c)
			m.ids = c.TextTokens
		case "clip":
			var c clip.Config
			err = r.Config(name, &c)
			m.ids, m.pictures = c.TextTokens, pictureShape{c.ImageSize, c.Channels}
		}
		if err != nil {
			return err
		}
		i.models = append(i.models, m)
	}
	return i.agree()
}

// agree makes sure that the models see pictures of one shape.
func (i *importer) agree() error {
	var first importedModel
	for _, m := range i.models {
		switch {
		case m.pictures == pictureShape{}:
		case first.pictures == pictureShape{}:
			first = m
		case m.pictures != first.pictures:
			return fmt.Errorf("%s: has a %s of pictures of size %d with %d channels, and the %s of %s is of size %d with %d; import them into two folders",
				m.file, m.name, m.pictures.size, m.pictures.channels, first.name, first.file, first.pictures.size, first.pictures.channels)
		}
	}
	return nil
}

// reader is the first model that reads text, after a check that all of them read the same number of ids.
func (i *importer) reader() (first importedModel, err error) {
	for _, m := range i.models {
		switch {
		case m.ids == 0:
		case first.ids == 0:
			first = m
		case m.ids != first.ids:
			return first, fmt.Errorf("%s: has a %s that reads %d ids of text, and the %s of %s reads %d; import them into two folders, as a run has one tokenizer",
				m.file, m.name, m.ids, first.name, first.file, first.ids)
		}
	}
	return first, nil
}

// readTokenizer opens the tokenizer, or looks at the run's if there is no path. Which ids a file gives depends on who
// trained with it: DALLE-pytorch takes those of the file as they are, we keep 0 free for padding. The number of ids that
// the models read tells.
func (i *importer) readTokenizer(path string) error {
	reader, err := i.reader()
	if err != nil {
		return err
	}
	if path == "" {
		if reader.ids == 0 || i.run == nil || !i.run.HasTokenizer() {
			return nil
		}
		t, err := i.run.Tokenizer()
		if err == nil && t.VocabSize != reader.ids {
			err = fmt.Errorf("%s: has a tokenizer of %d ids, and the %s of %s reads %d; import it into another folder", i.dir, t.VocabSize, reader.name, reader.file, reader.ids)
		}
		return err
	}
	if reader.ids == 0 {
		return fmt.Errorf("%s: there is no dalle and no clip to read what it makes; import it with their checkpoint", path)
	}
	for _, fileIDs := range []bool{true, false} {
		t, err := tokenizer.Open(path, tokenizer.Options{FileIDs: fileIDs})
		if err != nil {
			return err
		}
		if i.tokenizer = t; t.VocabSize() == reader.ids {
			i.source = path
			return nil
		}
	}
	return fmt.Errorf("%s: has %d ids, and the %s of %s reads %d; give the tokenizer that it was trained with",
		path, i.tokenizer.VocabSize(), reader.name, reader.file, reader.ids)
}

// write makes or opens the run, and writes what there is new.
func (i *importer) write() error {
	var err error
	if i.run, err = runfolder.Create(i.dir); err != nil {
		return err
	}
	if i.tokenizer != nil {
		if err := i.run.SetTokenizer(i.tokenizer, i.source); err != nil {
			return err
		}
	}
	for _, m := range i.models {
		if m.module == nil {
			continue
		}
		if err := i.run.SetConfig(m.name, m.config); err != nil {
			return err
		}
		if err := i.run.SaveWeights(m.name, weights.Of(m.module), map[string]string{"imported": m.origin}); err != nil {
			return err
		}
	}
	return nil
}

// missing says what the run lacks for what one may want of it.
func (i *importer) missing() (all []string) {
	if i.run.ReadsCaptions() != "" && !i.run.HasTokenizer() {
		all = append(all, fmt.Sprintf("the tokenizer is missing, without which the run reads no prompts: bestiary import --tokenizer FILE --out %s", i.dir))
	}
	if i.run.HasWeights("dvae") && !i.run.HasWeights("dalle") {
		all = append(all, fmt.Sprintf("there is no dalle to draw with: bestiary train dalle --run %s --data DIR", i.dir))
	}
	return all
}
