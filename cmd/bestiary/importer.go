package main

import (
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/interchange"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
)

// importer reads all models first and then makes a run of them, so that nothing is written if one of them is not valid.
type importer struct {
	dir       string
	device    *tensor.Device
	run       *runfolder.Run // nil: there is none yet
	models    []importedModel
	tokenizer *tokenizer.Tokenizer
	source    string // of the tokenizer

	options     importOptions
	checkpoints []*interchange.Checkpoint
	embedding   *interchange.Embedding  // of the flow
	data        *data.Description       // new: names the classes of the flow
	detector    *sample.DetectorOptions // of the detector
}

// importOptions say what a file leaves open.
type importOptions struct {
	config        string   // path of a JSON file with hparams
	classes       []string // of a flow
	casing        tokenizer.Options
	rawEmbeddings bool // the flow's rows are not standardized
	imageSize     int  // side of the pictures of a codec; 0: as the file says
}

// importedModel is a model of a file, or one that the run has already, whose module is nil.
type importedModel struct {
	name, file string
	ids        int          // ids of text; 0: reads none
	pictures   pictureShape // zero: reads none
	dim        int          // of embeddings; 0: has none
	classes    int          // of a flow
	module     nn.Module
	config     any
	what       string // for people
	origin     string
}

// pictureShape is the side and the channels of pictures.
type pictureShape struct{ size, channels int }

// describe returns what the importer needs to know of a model of a kind with that configuration.
func describe(kind string, config any) (importedModel, error) {
	f, err := models.Describe(kind, config)
	return importedModel{
		name: kind, config: config, ids: f.TextTokens, pictures: pictureShape{f.Size, f.Channels}, dim: f.Embedding,
		classes: f.Classes, what: f.Summary,
	}, err
}

// readFiles reads the models of files.
func (i *importer) readFiles(files []string) error {
	defer func() {
		for _, c := range i.checkpoints {
			c.Close()
		}
	}()
	for _, file := range files {
		c, err := interchange.ReadWith(file, i.options.config)
		if err != nil {
			return err
		}
		i.checkpoints = append(i.checkpoints, c)
	}
	joined, err := interchange.Join(i.checkpoints)
	if err != nil {
		return err
	}
	i.checkpoints = joined
	if i.options.imageSize != 0 {
		for _, c := range i.checkpoints {
			if err := c.Resize(i.options.imageSize); err != nil {
				return err
			}
		}
	}
	for _, c := range i.checkpoints {
		if c.Flow == nil {
			continue
		}
		if err := i.standardize(c); err != nil {
			return err
		}
	}
	for _, c := range i.checkpoints {
		if err := i.build(c); err != nil {
			return err
		}
	}
	return nil
}

// build builds the models of a file.
func (i *importer) build(checkpoint *interchange.Checkpoint) error {
	file := checkpoint.Path
	var found []importedModel
	for _, f := range checkpoint.Found() {
		m, err := describe(f.Kind, f.Config)
		if err != nil {
			return err
		}
		found = append(found, m)
	}
	for _, m := range found { // before the models are built
		for _, other := range i.models {
			if other.name == m.name {
				return usagef("%s and %s: each hold a %s, but a run has one; leave out one of them", other.file, file, m.name)
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
		m.module = built.Module(m.name)
		i.models = append(i.models, m)
	}
	return nil
}

// readRun adds the models that the run has already.
func (i *importer) readRun() error {
	r, err := runfolder.Open(i.dir)
	if err != nil {
		if len(i.models) > 0 { // a new run, which read has checked
			return i.agree()
		}
		return err
	}
	i.run = r
	for _, name := range interchange.Kinds() {
		if !r.HasWeights(name) {
			continue
		}
		config, err := models.Config(i.dir, name)
		if err != nil {
			return err
		}
		m, err := describe(name, config)
		if err != nil {
			return err
		}
		m.file = i.dir
		i.models = append(i.models, m)
	}
	return i.agree()
}

// agree checks that the models read pictures of the same shape, and embeddings of the same dimension, and that at most one
// makes codes.
func (i *importer) agree() error {
	var first, embeds, codec importedModel
	for _, m := range i.models {
		switch {
		case !slices.Contains(models.Codecs(), m.name):
		case codec.name != "":
			return fmt.Errorf("%s: has a %s, and %s has a %s; import them into two folders, as a run has codes of one model", m.file, m.name, codec.file, codec.name)
		default:
			codec = m
		}
	}
	for _, m := range i.models {
		switch {
		case m.dim == 0:
		case embeds.dim == 0:
			embeds = m
		case m.dim != embeds.dim:
			return fmt.Errorf("%s: has a %s of embeddings of dimension %d, and the %s of %s has dimension %d; import a flow with the autoencoder that it was trained with",
				m.file, m.name, m.dim, embeds.name, embeds.file, embeds.dim)
		}
	}
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

// reader returns the first model that reads text, and checks that all of them read the same number of ids.
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

// readTokenizer opens the tokenizer, or checks the run's if there is no path. DALLE-pytorch uses the ids of the file, this
// program keeps 0 free for padding: the number of ids that the models read shows which of both a model was trained with.
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
		return fmt.Errorf("%s: there is no dalle and no clip that reads its ids; import it with their checkpoint", path)
	}
	for _, fileIDs := range []bool{true, false} {
		o := i.options.casing
		o.FileIDs = fileIDs
		t, err := tokenizer.Open(path, o)
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
