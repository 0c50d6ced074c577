package main

import (
	"context"
	"fmt"
	"image"
	"path/filepath"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/spf13/cobra"
)

// reconstructor is a pipeline that encodes and decodes pictures.
type reconstructor interface {
	Dataset() data.Description
	Size() int
	Channels() int
	Reconstruct(ctx context.Context, pixels []uint8) ([]*image.NRGBA, error)
	Pictures(pixels []uint8) []*image.NRGBA
}

func openReconstructor(c *cobra.Command, dir string, device *deviceFlags) (reconstructor, error) {
	chosen := c.Flags().Changed("model")
	switch {
	case isLatents(dir) && !chosen:
		return openLatents(c, dir, device)
	case isTextToImage(dir) && !chosen:
		return openTextToImage(c, dir, device)
	}
	return openFlow(c, dir, device)
}

func newReconstruct() *cobra.Command {
	var run string
	var n int
	c := &cobra.Command{
		Use:   "reconstruct [PICTURE ...]",
		Short: "Show pictures above their reconstructions",
		Long: `Encode and decode pictures with a run's autoencoder, KL autoencoder or discrete VAE, and show the originals above
their reconstructions. The pictures are the given files, or n pictures of --data, spread over its
classes. The command also prints the PSNR.`,
		Example: `  bestiary reconstruct --run runs/pets --data oxford-pets -n 16 --out reconstructions.png
  bestiary reconstruct --run runs/pets my-cat.jpg my-dog.png`,
	}
	addRunFlag(c, &run)
	addModelFlag(c)
	pictures := addDataFlags(c, data.Test)
	pictures.anyPath(c)
	pictures.fromRun(c)
	device := addDeviceFlags(c)
	pictures.device = device
	c.Flags().IntVarP(&n, "n", "n", 16, "pictures of --data")
	output := addOutputFlags(c, "reconstructions.png", "grid to write")
	c.RunE = func(c *cobra.Command, files []string) error {
		if err := checkN(n); err != nil {
			return err
		}
		if err := output.check(files...); err != nil {
			return err
		}
		if len(files) > 0 && (c.Flags().Changed("data") || c.Flags().Changed("n")) {
			return usagef("-n and --data choose pictures of a dataset, and %s is named as well; leave one of them out", files[0])
		}
		pipeline, err := openReconstructor(c, run, device)
		if err != nil {
			return err
		}
		pictures.like(pipeline.Dataset())
		pictures.channels = pipeline.Channels()
		if len(files) == 0 {
			pictures.notTrainedOn(c, pipeline.Dataset())
		}
		notCutOut(c, pipeline.Dataset(), files...)
		var pixels []uint8
		var captions, names []string
		for _, file := range files {
			p, err := readPicture(file, pipeline.Size(), pipeline.Channels(), pictures.resize)
			if err != nil {
				return err
			}
			pixels, captions = append(pixels, p...), append(captions, filepath.Base(file))
		}
		if len(files) == 0 {
			d, err := pictures.load(c, pipeline.Size(), data.Split(pictures.split))
			if err != nil {
				return err
			}
			for i := range min(n, d.Len()) {
				from := i * d.Len() / min(n, d.Len()) // spread over the classes
				pixels, names = append(pixels, d.Image(from)...), append(names, d.Name(from))
			}
		}
		originals := pipeline.Pictures(pixels)
		grid := layout.Options{Columns: layout.Columns(len(originals))}
		if err := output.checkGrid(grid, pipeline.Size(), len(originals), len(originals)); err != nil {
			return err
		}
		made, err := pipeline.Reconstruct(c.Context(), pixels)
		if err != nil {
			return err
		}
		figures := fmt.Sprintf("%s, PSNR %.2f dB\n", count(len(made), "picture"), eval.ImagePSNR(originals, made))
		each := make([]madePicture, len(made))
		for i, img := range made {
			each[i] = madePicture{image: img, name: fmt.Sprintf("reconstruction-%04d", i+1), Index: i, PSNR: known(eval.ImagePSNR(originals[i:i+1], made[i:i+1]))}
			if len(files) > 0 {
				each[i].Source = files[i]
				each[i].name += "-" + slug(strings.TrimSuffix(filepath.Base(files[i]), filepath.Ext(files[i])))
				each[i].name = strings.TrimSuffix(each[i].name, "-")
			} else {
				each[i].Source = names[i]
			}
		}
		return output.write(run, figures, each, gridOf(grid, layout.Interleave(grid.Columns,
			layout.Section{Title: "original", Images: originals, Captions: captions},
			layout.Section{Title: "reconstruction", Images: made})...))
	}
	return c
}
