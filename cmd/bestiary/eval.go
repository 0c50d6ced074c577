package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/spf13/cobra"
)

// evalFlags are the flags of eval.
type evalFlags struct {
	*qualityFlags
	run, model, beside, copies string
	plot, pairs                string
	mistakes, results          string
	generated                  int
	pictures                   *dataFlags
	device                     *deviceFlags
}

func newEval() *cobra.Command {
	f := &evalFlags{}
	c := &cobra.Command{
		Use:   "eval",
		Short: "Measure the models of a run on held-out pictures or rows, as JSON",
		Long: `Measure the models of a run on held-out pictures or rows and print the figures as JSON.

A run of a KL autoencoder:
  reconstruction  mean squared error and PSNR of decode(encode(picture)), for pixels in [-1, 1]

A run of pets by flow:
  reconstruction  mean squared error and PSNR of decode(encode(picture)), for pixels in [-1, 1]
                  which is what the density of the latents doesn't describe
  flow            negative log-likelihood in nats and in bits per dimension, overall and by class;
                  accuracy as a classifier, beside that of always choosing the most frequent class
  nearest         distances of samples to the nearest training picture, beside those of held-out
                  pictures: copies would lie much nearer (needs the training split of --data)

A run of birds from words, with one caption for each picture:
  codec           of the dvae or vqgan: mean squared error and PSNR of decode(codes(picture)), and use of
                  the codebook
  dalle           cross-entropy, and its parts in nats per text token and per code
  clip            retrieval: how often a caption finds its picture and a picture its caption, beside
                  chance
  generated       CLIP score of pictures generated for captions, beside the scores with other
                  captions and of the photos

A run with the density of a table: mean log-likelihood, and for each column the calibration of its
distribution given the row's condition: histogram of the probability integral transform, and coverage
of central intervals. --data is a table (default: the rows that the training held out).

A run with a classifier: accuracy and confusion matrix, or precision and recall of each word.

A run with a detector: mean average precision at IoU 0.5 in the two forms of Pascal VOC, COCO's average
precision and recall from IoU 0.5 to 0.95 and by size, and the same for each class. A Mask R-CNN has the
figures of its masks, too. --data is a dataset with boxes or masks (default: that of the run).

Any generator, with --classifier, --detector, --inception, --clip, --samples or --copies (of a flow always):
  quality         samples against held-out photos: Fréchet distance, precision and recall, density
                  and coverage, the class or the words that a classifier sees, in how many samples a
                  detector finds an object, retrieval of the prompt among 100, copies of
                  training pictures and, of drawn birds, the colours of their parts. Each figure has
                  its 95 % interval by bootstrap, the floor that as many real photos reach, and with
                  --beside the figure of another run. docs/measures.md explains them.`,
		Example: `  bestiary eval --run runs/pets --data oxford-pets
  mpirun -n 4 bestiary eval --run runs/birds --data cub
  bestiary eval --run runs/birds --data cub --generated 100
  bestiary eval --run runs/pets --classifier runs/judge --beside runs/notebook --copies copies.png
  bestiary eval --run runs/ssd --data VOCdevkit --plot curves.png --mistakes mistakes.png
  bestiary eval --run runs/pets --detector runs/ssd
  bestiary eval --run runs/wine --data other.csv --plot calibration.png --pairs pairs.png
  bestiary eval --run runs/pets --inception pt_inception-2015-12-05-6726825d.pth`,
		Args: noArguments,
	}
	addRunFlag(c, &f.run)
	f.pictures = addDataFlags(c, data.Test)
	f.pictures.anyPath(c)
	f.pictures.fromRun(c)
	f.device = addDeviceFlags(c)
	addDivideRanks(c)
	f.pictures.device = f.device
	c.Flags().IntVar(&f.generated, "generated", 32, "pictures to generate and score by the run's CLIP (0: none)")
	c.Flags().StringVar(&f.model, "model", "", "generator to measure, if the run holds several")
	f.qualityFlags = addQualityFlags(c)
	c.Flags().StringVar(&f.beside, "beside", "", "run whose generator is measured on the same pictures, for comparison; RUN:MODEL names one of several generators")
	c.Flags().StringVar(&f.copies, "copies", "", "picture to write, with the samples and photos that are closest to training pictures (default: none)")
	c.Flags().StringVar(&f.plot, "plot", "", "picture to write for the density of a table: coverage of central intervals; for a detector: precision and recall of each class (default: none)")
	c.Flags().StringVar(&f.pairs, "pairs", "", "picture to write for the density of a table: rows beside samples, for each pair of six columns (default: none)")
	c.Flags().StringVar(&f.mistakes, "mistakes", "", "picture to write for a detector: its worst mistakes (default: none)")
	c.Flags().StringVar(&f.results, "results", "", "file to write for a detector: its detections in COCO's result form (default: none)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := (eval.Options{Generated: f.generated, Seed: f.seed}).Validate(); err != nil {
			return err
		}
		if err := f.check(f.device); err != nil {
			return err
		}
		if leads(c) {
			if err := f.checkFiles(); err != nil {
				return err
			}
		}
		return f.execute(c)
	}
	return c
}

// checkFiles refuses files that can't be written before anything is measured.
func (f *evalFlags) checkFiles() error {
	for flag, path := range map[string]string{"--plot": f.plot, "--pairs": f.pairs, "--mistakes": f.mistakes, "--copies": f.copies} {
		if path != "" {
			if err := checkPNGOf(flag, path); err != nil {
				return err
			}
		}
	}
	if f.results != "" {
		return checkReplaces("--results", f.results, "[", "results")
	}
	return nil
}

func (f *evalFlags) execute(c *cobra.Command) error {
	if f.run == "" {
		return usagef("--run is missing: name the run folder, for example --run runs/pets")
	}
	if isDensity(f.run) {
		return f.density(c)
	}
	if isDetector(f.run) {
		return f.detections(c)
	}
	if f.plot != "" || f.pairs != "" {
		return usagef("--plot and --pairs: belong to the density of a table or to a detector, which %s doesn't have; leave them out", f.run)
	}
	if f.mistakes != "" || f.results != "" {
		return usagef("--mistakes and --results: belong to a detector, which %s doesn't have; leave them out", f.run)
	}
	if c.Flags().Changed("min-score") && f.detector == "" {
		return usagef("--min-score: needs --detector; leave it out")
	}
	there, err := sample.Generators(f.run)
	if err != nil {
		return err
	}
	if f.model == "" && len(there) > 1 {
		_, err := sample.OpenGenerator(c.Context(), f.run, "", nil)
		return err // asks which
	}
	r, err := runfolder.Open(f.run)
	if err != nil {
		return err
	}
	generator := f.model
	if generator == "" && len(there) == 1 {
		generator = there[0]
	}
	err = f.measure(c, generator, r)
	switch {
	case !errors.Is(err, errFewHeldOut):
		return err
	case generator == "":
		return f.noGenerator(c)
	}
	return f.nearest(c, generator)
}

// measure measures the models of a run and its generator, or "" of a run that has none.
func (f *evalFlags) measure(c *cobra.Command, generator string, r *runfolder.Run) error {
	switch {
	case generator == models.DALLE.Name || generator == "" && isTextToImage(f.run):
		return f.textToImage(c)
	case generator == "" && isLatents(f.run):
		return f.latents(c)
	case generator == "" && !r.HasWeights(models.Autoencoder.Name) && r.HasWeights(models.Classifier.Name):
		return f.classifier(c)
	case generator != "" && generator != models.Flow.Name && generator != models.TarFlow.Name:
		return f.generator(c, generator)
	}
	return f.flow(c)
}

func printFigures(c *cobra.Command, run string, figures any) error {
	out := json.NewEncoder(c.OutOrStdout())
	out.SetIndent("", "  ")
	if err := out.Encode(figures); err != nil {
		return fmt.Errorf("%s: some figures are not finite numbers (%w); the models have diverged, train them again", run, err)
	}
	return nil
}
