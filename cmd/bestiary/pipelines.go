package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

// addRunFlag adds --run, which is required.
func addRunFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "run", "", "run folder, as made by bestiary train (required)")
}

// addModelFlag adds --model, which chooses between two flows of a run.
func addModelFlag(c *cobra.Command) {
	c.Flags().String("model", "", fmt.Sprintf("flow to use, %s or %s (default: the one that the run has)", models.Flow.Name, models.TarFlow.Name))
}

// openFlow loads the autoencoder and the flow of --run, those of --model where the command has it.
func openFlow(c *cobra.Command, dir string, device *deviceFlags) (*sample.Flow, error) {
	if err := wrongFamily(dir, petsFamily); err != nil {
		return nil, err
	}
	model := ""
	if flag := c.Flags().Lookup("model"); flag != nil {
		model = flag.Value.String()
	}
	return openPipeline(c, dir, "runs/pets", device, func(ctx context.Context, dir string, d *tensor.Device) (*sample.Flow, error) {
		return sample.OpenFlowModel(ctx, dir, model, d)
	})
}

// openTextToImage loads the text-to-image models of --run.
func openTextToImage(c *cobra.Command, dir string, device *deviceFlags) (*sample.TextToImage, error) {
	if err := wrongFamily(dir, birdsFamily); err != nil {
		return nil, err
	}
	return openPipeline(c, dir, "runs/birds", device, sample.OpenTextToImage)
}

func openPipeline[P any](c *cobra.Command, dir, example string, device *deviceFlags, open func(context.Context, string, *tensor.Device) (P, error)) (p P, err error) {
	if dir == "" {
		return p, usagef("--run is missing: name the run folder, for example --run %s", example)
	}
	d, err := device.open()
	if err != nil {
		return p, err
	}
	return open(c.Context(), dir, d)
}

// openLatents loads the autoencoder with maps of latents of --run.
func openLatents(c *cobra.Command, dir string, device *deviceFlags) (*sample.Latents, error) {
	return openPipeline(c, dir, "runs/pets", device, sample.OpenLatents)
}

// isLatents reports whether a run has an autoencoder with maps of latents and no other.
func isLatents(dir string) bool {
	r, err := runfolder.Open(dir)
	return err == nil && r.HasWeights(models.KL.Name) && !r.HasWeights(models.Autoencoder.Name) && !r.HasWeights(models.DVAE.Name)
}

// isDensity reports whether a run has the density of a table and no models of pictures.
func isDensity(dir string) bool {
	r, err := runfolder.Open(dir)
	return err == nil && r.HasWeights(models.Density.Name)
}

// isDetector reports whether a run has a detector.
func isDetector(dir string) bool {
	r, err := runfolder.Open(dir)
	return err == nil && r.First(models.Detectors()) != ""
}

// openDensity loads the density of --run.
func openDensity(c *cobra.Command, dir string, device *deviceFlags) (*sample.Density, error) {
	if err := wrongFamily(dir, tableFamily); err != nil {
		return nil, err
	}
	return openPipeline(c, dir, "runs/table", device, sample.OpenDensity)
}

// captionedData describes the pictures with captions that models of a run were trained on. They need not be those of the
// run's discrete VAE.
func captionedData(dir string) (all []data.Description) {
	r, err := runfolder.Open(dir)
	for _, model := range models.CaptionReaders() {
		var how tasks.CaptionOptions
		if err == nil && r.Options(model, &how) == nil { // imported models have none
			all = append(all, how.Data)
		}
	}
	return all
}

// isTextToImage reports whether a run has text-to-image models, and neither an autoencoder nor a TarFlow.
func isTextToImage(dir string) bool {
	r, err := runfolder.Open(dir)
	return err == nil && !r.HasWeights(models.Autoencoder.Name) && !r.HasWeights(models.TarFlow.Name) &&
		r.First(append(models.Codecs(), models.DALLE.Name, models.MaskGIT.Name, models.Rectified.Name, models.CLIP.Name)) != ""
}

// remedied adds to an error about a missing model the command that makes the model or, if the run has models of another
// kind, the command that uses them.
func remedied(c *cobra.Command, err error) error {
	var missing *fault.Missing
	if !errors.As(err, &missing) || missing.Run == "" {
		return err
	}
	if missing.Model == "tokenizer" {
		return fmt.Errorf(`%s: has no tokenizer; give it the one that its models were trained with: bestiary import --tokenizer FILE --out %s`, missing.Run, missing.Run)
	}
	kind, known := models.Lookup(missing.Model)
	if !known {
		return err
	}
	training := c != nil && c.HasParent() && c.Parent().Name() == "train"
	if other := otherFamily(missing.Run, missing.Model, missing.There, training); other != nil {
		return other
	}
	flags := "--run " + missing.Run
	switch {
	case kind.Name == models.Density.Name:
		flags = "--data TABLE --out " + missing.Run
	case len(kind.Needs) == 0 && !kind.Captions: // begins a run
		flags = "--data PICTURES --out " + missing.Run
	}
	return fmt.Errorf(`%s: has no trained %s yet; make it with "bestiary train %s %s"`, missing.Run, kind.Name, kind.Name, flags)
}
