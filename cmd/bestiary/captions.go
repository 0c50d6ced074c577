package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tokenizer"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

// captionFlags are the flags of trainings on pictures with captions.
type captionFlags struct {
	*trainFlags
	how       tasks.CaptionOptions
	tokenizer string
	casing    tokenizer.Options
	vocabSize int
	textLen   int // 0: as long as the captions
}

// addCasingFlags adds the flags that say how a vocab.txt is used. The file doesn't.
func addCasingFlags(c *cobra.Command, o *tokenizer.Options) {
	c.Flags().BoolVar(&o.Cased, "cased", false, "keep the case and the accents of text, with a vocab.txt (default: as its tokenizer_config.json says, else as for bert-base-chinese)")
	c.Flags().BoolVar(&o.Uncased, "uncased", false, "lower-case text and drop its accents, with a vocab.txt (default: as its tokenizer_config.json says, else if it is not that of bert-base-chinese)")
}

// captionKept are the flags that belong to the model, and captionData those that belong to its data.
var (
	captionKept = []string{"vocab-size", "text-len"}
	captionData = []string{"tokenizer", "cased", "uncased", "truncate-captions", "split", "part", "resize", "cutout", "image-columns", "text-columns", "class-captions", "breed-captions", "hold-out", "flip", "crop", growFlag, "balance"}
)

func addCaptionFlags(c *cobra.Command, f *trainFlags, defaults data.Description) *captionFlags {
	n := &captionFlags{trainFlags: f, how: tasks.CaptionOptions{Data: defaults}}
	f.data.anyLayout(c, true)
	f.data.fromRun(c)
	d := &n.how.Data
	c.Flags().StringVar(&f.data.resize, "resize", string(data.Squash), "how pictures become square: squash, crop, boxes[:MARGIN], the square around the largest bounding box with a margin as a share of its longer side, or detector:RUN[:MARGIN], the same around what a detector finds (default: as for the run's autoencoder)")
	c.Flags().Lookup("resize").DefValue = ""
	f.data.addCutoutFlag(c)
	c.Flags().Lookup("cutout").Usage += " (default: as for the run's autoencoder)"
	addPartFlag(c, f.data)
	c.Flags().Float64Var(&d.Share, "hold-out", d.Share, "share of the pictures that is held out to evaluate the training (default: that of the run's autoencoder)")
	c.Flags().Lookup("hold-out").DefValue = "0"
	c.Flags().BoolVar(&d.Augment.Flip, "flip", d.Augment.Flip, "mirror pictures at random; not for captions that tell left from right")
	c.Flags().Float64Var(&d.Augment.Crop, "crop", d.Augment.Crop, "random crops of at least this share of the area (1: none)")
	addGrowFlag(c, &d.Grow)
	c.Flags().BoolVar(&d.Balance, "balance", d.Balance, "show every class equally often, however many pictures it has")
	c.Flags().StringVar(&n.tokenizer, "tokenizer", "", "tokenizer.json, bpe_simple_vocab_16e6.txt(.gz) or vocab.txt (default: the run's, or else one trained from the captions)")
	addCasingFlags(c, &n.casing)
	c.Flags().IntVar(&n.vocabSize, "vocab-size", 2048, "ids of a tokenizer that is trained from the captions")
	c.Flags().IntVar(&n.textLen, "text-len", 0, "tokens of a caption, with padding (0: as many as the longest has, up to 256)")
	c.Flags().BoolVar(&n.how.Truncate, "truncate-captions", false, "cut captions that are too long")
	return n
}

// check returns an error for flags that are wrong whatever the data is.
func (f *captionFlags) check(c *cobra.Command) error {
	if err := checkCrops(c); err != nil {
		return err
	}
	if f.data.classCaptions && f.data.breedCaptions {
		return usagef("--class-captions and --breed-captions both choose the captions; leave one of them out")
	}
	if d := f.how.Data; !(d.Share >= 0 && d.Share < 1) {
		return usagef("--hold-out %v: is out of range; choose 0 to less than 1", d.Share)
	}
	if err := f.how.Data.Augment.Validate(); err != nil {
		return invalid(err)
	}
	if err := checkGrowFlag(c, f.how.Data.Grow, f.how.Data.Augment); err != nil {
		return err
	}
	if (f.casing.Cased || f.casing.Uncased) && f.tokenizer == "" {
		return usagef("--cased and --uncased need --tokenizer; name a vocab.txt")
	}
	if f.vocabSize < leastVocabulary || f.vocabSize > 1<<20 {
		return usagef("--vocab-size %d: is out of range; choose %d to %d", f.vocabSize, leastVocabulary, 1<<20)
	}
	if f.textLen < 0 || f.textLen > maxText {
		return usagef("--text-len %d: is out of range; choose 1 to %d, or 0 for as many as the captions need", f.textLen, maxText)
	}
	return nil
}

const (
	leastVocabulary = 257  // padding and every byte
	maxText         = 4096 // tokens
	autoText        = 256  // most tokens without --text-len
)

// prepare loads the pictures and their tokenizer, and decides the number of tokens of a caption.
func (f *captionFlags) prepare(c *cobra.Command, r *runfolder.Run, size, channels int) (training, heldOut *data.Dataset, t *tokenizer.Tokenizer, err error) {
	if training, heldOut, err = f.load(c, r, size, channels); err != nil {
		return nil, nil, nil, err
	}
	if t, err = f.openTokenizer(c, r, training); err != nil {
		return nil, nil, nil, err
	}
	return training, heldOut, t, f.fitText(c, t, training)
}

// load loads the pictures: on a resume those of the training, otherwise those of the flags or, without, of the run's codec.
func (f *captionFlags) load(c *cobra.Command, r *runfolder.Run, size, channels int) (training, heldOut *data.Dataset, err error) {
	if f.resume && !f.fresh {
		path := f.data.path
		f.how = tasks.CaptionOptions{} // without the defaults of flags: what the run leaves out is zero
		if err := r.Options(f.kind.Name, &f.how); err != nil {
			return nil, nil, err
		}
		f.data.like(f.how.Data)
		f.data.split = f.how.Data.Split
		if path != "" {
			f.data.path, f.data.ofRun = path, false
		}
	} else if r != nil && r.HasData() {
		var trained data.Description
		if err := r.Data(&trained); err != nil {
			return nil, nil, err
		}
		f.inherit(c, trained)
	}
	if f.data.path == "" {
		return nil, nil, usagef("--data is missing: name the folder or file of the pictures with captions, or birds:1:2000")
	}
	f.data.channels = channels
	if training, heldOut, err = f.pictures(c, size, f.how.Data); err != nil {
		return nil, nil, err
	}
	f.data.describe(&f.how.Data)
	return training, heldOut, nil
}

// inherit sets flags that were not given from the run's data, so that its held-out pictures are new to all of its models.
func (f *captionFlags) inherit(c *cobra.Command, trained data.Description) {
	given := c.Flags().Changed
	if !given("resize") {
		f.data.resize = trained.Resize
	}
	if !given("cutout") {
		f.data.cutout = trained.Cutout
	}
	if !given("hold-out") {
		f.how.Data.Share = trained.Share
	}
	if given("data") {
		return
	}
	if !given("part") {
		f.data.part = trained.Part
	}
	f.data.path, f.data.from, f.data.labels, f.data.ofRun = trained.Path, trained.From, trained.Labels, true
	if !given("split") {
		f.data.split = trained.Split
	}
	if !given("image-columns") {
		f.data.images = trained.Images
	}
	if !given("text-columns") {
		f.data.texts = trained.Texts
	}
}

// openTokenizer returns the run's tokenizer if the run has models that read captions, and otherwise that of the flags.
func (f *captionFlags) openTokenizer(c *cobra.Command, r *runfolder.Run, training *data.Dataset) (*tokenizer.Tokenizer, error) {
	reader := "" // model of the run that reads captions
	if r != nil {
		reader = r.First(models.CaptionReaders())
	}
	shared := reader != "" && r.HasTokenizer()
	switch {
	case f.resume && !f.fresh || shared && f.tokenizer == "":
		t, err := r.LoadTokenizer()
		if err == nil && !f.resume && c.Flags().Changed("vocab-size") && t.VocabSize() != f.vocabSize {
			err = usagef("--vocab-size %d: the run's %s shares its tokenizer, which has %d ids; leave it out, or choose another folder", f.vocabSize, reader, t.VocabSize())
		}
		return t, err
	case f.tokenizer != "":
		if c.Flags().Changed("vocab-size") {
			return nil, usagef("--vocab-size %d: the tokenizer of --tokenizer has a size of its own; leave out one of them", f.vocabSize)
		}
		f.how.From = f.tokenizer
		t, err := tokenizer.Open(f.tokenizer, f.casing)
		if err != nil || !shared {
			return t, err
		}
		old, err := r.Tokenizer()
		if err == nil && old.Fingerprint != t.Fingerprint() {
			err = fmt.Errorf("%s: the run's %s was trained with another tokenizer (%s, %d ids; now %s, %d ids); leave out --tokenizer to share it, or choose another folder",
				r.Dir(), reader, old.Kind, old.VocabSize, t.Kind(), t.VocabSize())
		}
		return t, err
	case reader != "":
		return nil, fmt.Errorf("%s: has a %s but no tokenizer; give the one that it was trained with as --tokenizer", r.Dir(), reader)
	}
	t, err := tokenizer.Train(func(yield func(string) bool) {
		for _, caption := range slices.Concat(training.Captions...) {
			if !yield(caption) {
				return
			}
		}
	}, tokenizer.TrainOptions{VocabSize: f.vocabSize, Lowercase: true, PrefixSpace: true})
	return t, err
}

// fitText decides the number of tokens of a caption and reports on the captions.
func (f *captionFlags) fitText(c *cobra.Command, t *tokenizer.Tokenizer, training *data.Dataset) error {
	length := f.textLen
	if length == 0 {
		length = autoText
	}
	found, err := train.CheckCaptions(training, t, length, f.how.Truncate)
	if err != nil {
		return err
	}
	if f.textLen == 0 { // rounded up, so that prompts may be a little longer than captions
		f.textLen = min(autoText, int(math.Ceil(float64(found.Longest+1)/8))*8)
	}
	fmt.Fprintf(c.ErrOrStderr(), "captions: %s with %d ids, the longest of %d has %s and %d fit\n", t.Kind(), t.VocabSize(), found.Captions, count(found.Longest, "token"), f.textLen)
	if found.TooLong > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "%d of %d captions are too long and cut\n", found.TooLong, found.Captions)
	}
	return nil
}

// withoutCaptions adds the remedies of a command to the error of pictures that have no captions.
func (f *dataFlags) withoutCaptions(c *cobra.Command, err error) error {
	classes := "" // only trainings on captions have both flags
	if c.Flags().Lookup("class-captions") != nil && c.Flags().Lookup("text-len") != nil {
		classes = ", or give --class-captions for prompts that are classes"
	}
	if f.ofRun {
		return usagef("--data is missing: %s, which models of the run were trained on, has no captions; name pictures that have some%s", f.path, classes)
	}
	return fmt.Errorf("%w%s", err, classes)
}
