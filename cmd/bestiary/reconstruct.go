package main

import (
	"fmt"
	"image"
	"path/filepath"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/spf13/cobra"
)

// reconstructor is what a run has that encodes and decodes pictures.
type reconstructor interface {
	Dataset() data.Description
	Size() int
	Channels() int
	Reconstruct(pixels []uint8) ([]*image.NRGBA, error)
	Pictures(pixels []uint8) []*image.NRGBA
}

func openReconstructor(dir string, device *deviceFlags) (reconstructor, error) {
	if ofBirds(dir) {
		return openBirds(dir, device)
	}
	return openPets(dir, device)
}

func newReconstruct() *cobra.Command {
	var run, out string
	var n int
	c := &cobra.Command{
		Use:   "reconstruct [PICTURE ...]",
		Short: "Show pictures beside what the autoencoder or the discrete VAE makes of them",
		Long: `Encode and decode pictures and show the originals above their reconstructions: the files
named, or n of --data, spread over its classes. A run of pets has an autoencoder, one of birds a
discrete VAE.`,
		Example: `  bestiary reconstruct --run runs/pets --data oxford-pets -n 16 --out reconstructions.png
  bestiary reconstruct --run runs/pets my-cat.jpg my-dog.png`,
	}
	addRunFlag(c, &run)
	pictures := addDataFlags(c, data.Test)
	pictures.anyPath(c)
	pictures.fromRun(c)
	device := addDeviceFlags(c)
	c.Flags().IntVarP(&n, "n", "n", 16, "pictures of --data")
	c.Flags().StringVar(&out, "out", "reconstructions.png", "picture to write")
	c.RunE = func(c *cobra.Command, files []string) error {
		if n < 1 || n > 10000 {
			return usagef("-n %d: show from 1 to 10000 pictures", n)
		}
		if err := checkPNG(out); err != nil {
			return err
		}
		models, err := openReconstructor(run, device)
		if err != nil {
			return err
		}
		pictures.like(models.Dataset())
		pictures.channels = models.Channels()
		if len(files) == 0 {
			pictures.notTrainedOn(c, models.Dataset())
		}
		var pixels []uint8
		var captions []string
		for _, file := range files {
			p, err := readPicture(file, models.Size(), models.Channels(), pictures.resize)
			if err != nil {
				return err
			}
			pixels, captions = append(pixels, p...), append(captions, filepath.Base(file))
		}
		if len(files) == 0 {
			d, err := pictures.load(c, models.Size(), data.Split(pictures.split))
			if err != nil {
				return err
			}
			for i := range min(n, d.Len()) {
				from := i * d.Len() / min(n, d.Len()) // spread over the classes
				pixels = append(pixels, d.Image(from)...)
			}
		}
		originals := models.Pictures(pixels)
		layout := sample.Layout{Columns: sample.Columns(len(originals))}
		if err := checkGrid(out, layout, models.Size(), len(originals), len(originals)); err != nil {
			return err
		}
		made, err := models.Reconstruct(pixels)
		if err != nil {
			return err
		}
		figures := fmt.Sprintf("%s, PSNR %.2f dB\n", count(len(made), "picture"), sample.ComparePSNR(originals, made))
		return writeGrid(c, out, figures, layout, sample.Interleave(layout.Columns,
			sample.Section{Title: "original", Images: originals, Captions: captions},
			sample.Section{Title: "reconstruction", Images: made})...)
	}
	return c
}
