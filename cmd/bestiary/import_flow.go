package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/interchange"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/ssd"
)

// standardize gives a flow the statistics of its embeddings: those of another file on the command line, its own, or those of
// the file beside it. A flow of standardized embeddings that lacks them would sample wrongly, so there is no default.
func (i *importer) standardize(flow *interchange.Checkpoint) error {
	var source *interchange.Checkpoint
	for _, c := range i.checkpoints {
		if c.Embedding != nil && c.Flow == nil {
			if source != nil {
				return usagef("%s and %s: each hold emb_mean and emb_std; leave out one of them", source.Path, c.Path)
			}
			source = c
		}
	}
	switch {
	case i.options.rawEmbeddings && (source != nil || flow.Embedding != nil):
		return usagef("--raw-embeddings: there are emb_mean and emb_std; leave out the flag or these")
	case i.options.rawEmbeddings:
	case flow.Embedding != nil && source != nil:
		return usagef("%s: has emb_mean and emb_std of its own; leave out %s", flow.Path, source.Path)
	case flow.Embedding != nil:
	default:
		if source == nil {
			beside := interchange.EmbeddingPath(flow.Path)
			if _, err := os.Stat(beside); err != nil {
				return usagef("%s: has no emb_mean and emb_std; name the file that holds them (%s is not there), or give --raw-embeddings if the flow was trained on embeddings that were not standardized", flow.Path, beside)
			}
			c, err := interchange.Read(beside)
			if err != nil {
				return err
			}
			defer c.Close()
			source = c
		}
		if source.Embedding == nil {
			return fmt.Errorf("%s: holds no emb_mean and emb_std; give --raw-embeddings if the flow was trained on embeddings that were not standardized", source.Path)
		}
		if err := flow.SetEmbedding(source.Embedding); err != nil {
			return fmt.Errorf("%s: %w", source.Path, err)
		}
		flow.Origin += ", embeddings of " + source.Path
	}
	i.embedding = flow.Embedding
	if flow.Flow.Classes == 0 { // commands draw samples of classes
		flow.AddClass()
	}
	return nil
}

// nameObjects gives the classes of a detector their names: those of the command line, or COCO's for as many classes.
func (i *importer) nameObjects(classes int, names []string) error {
	o := &sample.DetectorOptions{Classes: names}
	if len(names) == 0 {
		o.Classes, o.IDs = interchange.COCOClasses(classes)
	}
	if len(o.Classes) != classes {
		return usagef("--classes %s: must name the %d classes of the detector, in their order and without the background", strings.Join(names, ","), classes)
	}
	i.detector = o
	return nil
}

// nameClasses finds the names of the classes of the flow, or of the pictures of an autoencoder alone: those of the run, of the command line, or of the file of statistics. A
// wrong order would give pictures of other classes, so there is no default.
func (i *importer) nameClasses() error {
	flow := i.model(models.Flow.Name)
	names := i.options.classes
	if len(names) == 0 && i.embedding != nil {
		names = i.embedding.Classes
	}
	for at, name := range names {
		if name == "" || slices.Contains(names[:at], name) {
			return usagef("--classes %s: a name is empty or there twice; give each class a name", strings.Join(names, ","))
		}
	}
	if m := i.model(models.SSD.Name); m != nil && m.module != nil {
		return i.nameObjects(m.config.(ssd.Config).Classes, names)
	}
	if m := i.model(models.MaskRCNN.Name); m != nil && m.module != nil {
		return i.nameObjects(m.config.(maskrcnn.Config).Classes, names)
	}
	if flow == nil || flow.module == nil {
		if a := i.model(models.Autoencoder.Name); len(i.options.classes) > 0 {
			if a == nil || a.module == nil || i.run != nil && i.run.HasData() {
				return usagef("--classes: there is no flow and no autoencoder to import whose classes it would name; leave it out")
			}
			i.data = &data.Description{Classes: names, Size: a.pictures.size}
			return nil
		}
		return i.sizePictures()
	}
	if len(names) == 0 && flow.classes == 1 {
		names = []string{"all"}
	}
	if i.run != nil && i.run.HasData() {
		var known data.Description
		if err := i.run.Data(&known); err != nil {
			return err
		}
		switch {
		case len(known.Classes) != flow.classes:
			return fmt.Errorf("%s: has a flow of %d classes, and the run has %d (%s); import it into another folder", flow.file, flow.classes, len(known.Classes), strings.Join(known.Classes, ", "))
		case len(i.options.classes) > 0 && !slices.Equal(names, known.Classes):
			return usagef("--classes %s: the run's are %s; leave out --classes or import into another folder", strings.Join(names, ","), strings.Join(known.Classes, ","))
		case len(names) > 0 && flow.classes > 1 && !slices.Equal(names, known.Classes):
			return fmt.Errorf("%s: the flow's classes are %s, and the run's are %s; import it into another folder", flow.file, strings.Join(names, ", "), strings.Join(known.Classes, ", "))
		}
		return i.sizePictures()
	}
	if len(names) != flow.classes {
		return usagef("%s: has a flow of %d classes, and %d are named; name them in the order of its condition, for example --classes cat,dog", flow.file, flow.classes, len(names))
	}
	i.data = &data.Description{Classes: names}
	if a := i.model(models.Autoencoder.Name); a != nil {
		i.data.Size = a.pictures.size
	}
	return nil
}

// sizePictures checks the size of pictures in the run's description of its data. A flow that was imported before its
// autoencoder left it open.
func (i *importer) sizePictures() error {
	a := i.model(models.Autoencoder.Name)
	if a == nil || a.module == nil || i.run == nil || !i.run.HasData() {
		return nil
	}
	var known data.Description
	if err := i.run.Data(&known); err != nil {
		return err
	}
	switch known.Size {
	case a.pictures.size:
	case 0:
		known.Size = a.pictures.size
		i.data = &known
	default:
		return fmt.Errorf("%s: has an autoencoder of pictures of size %d, and the run's have size %d; import it into another folder", a.file, a.pictures.size, known.Size)
	}
	return nil
}

// model returns the model of that name, nil if there is none.
func (i *importer) model(name string) *importedModel {
	at := slices.IndexFunc(i.models, func(m importedModel) bool { return m.name == name })
	if at < 0 {
		return nil
	}
	return &i.models[at]
}

// bindFlow records which autoencoder the flow belongs to, so that another one that replaces it is noticed.
func (i *importer) bindFlow(c *runfolder.Commit) error {
	m := i.model(models.Autoencoder.Name)
	if m == nil {
		return nil
	}
	a, ok := m.module.(*autoencoder.Autoencoder)
	if !ok {
		var err error
		if a, err = models.Autoencoder.Open(i.dir, i.device); err != nil {
			return err
		}
	}
	return c.SetOptions(models.Flow.Name, sample.FlowOptions{Autoencoder: nn.Checksum(a)})
}
