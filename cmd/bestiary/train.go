package main

import (
	"context"
	"errors"
	"slices"

	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/spf13/cobra"
)

func newTrain() *cobra.Command {
	c := &cobra.Command{
		Use:   "train",
		Short: "Train a model",
		Long: `Train a model. The run folder gets everything: the weights, the checkpoint, metrics as JSON lines and
TensorBoard events, a plot of the loss, and samples drawn during the training.

An interrupt (Ctrl-C, SIGTERM, SIGHUP) saves a checkpoint and stops; a second one stops at once. --resume
continues from it, to the same bits. After a crash or a power cut, --resume continues from the last
checkpoint. Where there are weights without a checkpoint, as after "bestiary import", --resume trains
them from step 0 with a new optimizer. "bestiary verify" checks a run folder.

--from RUN fine-tunes: a new training starts with the weights of another run, on other pictures.

Started by mpirun, or on GPUs by torchrun, several processes train one model: each computes its share of
every batch. The result is that of one process, and the checkpoint, too: any number of ranks resumes it.
See docs/cluster.md.`,
		Args:        knownCommand,
		RunE:        help,
		Annotations: map[string]string{ranksKey: ranksEach},
	}
	c.AddCommand(newTrainAutoencoder(), newTrainFlow(), newTrainKL(), newTrainTarFlow(), newTrainRectified(), newTrainDVAE(), newTrainVQGAN(),
		newTrainDALLE(), newTrainMaskGIT(), newTrainCLIP(), newTrainClassifier(), newTrainSSD(), newTrainMaskRCNN(), newTrainDensity())
	for _, kind := range c.Commands() {
		train := kind.RunE
		addTrainRanks(kind)
		if name := kind.Name(); name != models.Density.Name && !slices.Contains(models.Detectors(), name) { // which have one of their own
			addFromFlag(kind)
		}
		kind.RunE = func(c *cobra.Command, args []string) error {
			err := train(c, args)
			if err != nil {
				err = errors.Join(err, dropFrom(c))
			}
			return interrupted(c, err)
		}
	}
	return c
}

// interrupted says what an interrupt before the first step means, such as one while the pictures are decoded.
func interrupted(c *cobra.Command, err error) error {
	var stopped *train.Interrupted
	if !errors.Is(err, context.Canceled) || errors.As(err, &stopped) {
		return err
	}
	run, _ := c.Flags().GetString("run")
	resume, _ := c.Flags().GetBool("resume")
	return &train.Interrupted{Model: c.Name(), Run: run, Began: resume}
}
