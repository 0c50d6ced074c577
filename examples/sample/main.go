// Command sample shows the sampling API: it opens a run folder, samples pictures of a class and saves them as a grid.
//
//	go run ./examples/sample runs/pets dog dogs.png
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/bestiary-ml/bestiary/tensor"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 {
		log.Fatal("usage: sample RUN CLASS OUT.png")
	}
	if err := draw(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}

func draw(run, class, out string) error {
	device, err := tensor.OpenDevice("auto", tensor.DeviceOptions{})
	if err != nil {
		return err
	}
	defer device.Close()
	ctx := context.Background()
	pets, err := sample.OpenFlow(ctx, run, device)
	if err != nil {
		return err
	}
	typical := sampling.Default()
	typical.Temperature = 0.8
	pictures, err := pets.Sample(ctx, sample.Options{Class: class, N: 16, Seed: 7, Sampling: &typical})
	if err != nil {
		return err
	}
	section := layout.Section{Title: class}
	for _, p := range pictures {
		section.Images = append(section.Images, p.Image)
		section.Captions = append(section.Captions, fmt.Sprintf("%.0f nats", p.LogDensity))
	}
	grid, err := layout.Grid(layout.Options{}, section)
	if err != nil {
		return err
	}
	return layout.SavePNG(out, grid)
}
