// Command generate shows the generation API: it opens a run folder, generates pictures for prompts, reports
// its progress, and saves the pictures as a grid. Ctrl-C stops it.
//
//	go run ./examples/generate runs/birds birds.png "a small yellow bird with black wings" "a red bird with a white belly"
package main

import (
	"context"
	"log"
	"os"
	"os/signal"

	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/bestiary-ml/bestiary/tensor"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 4 {
		log.Fatal("usage: generate RUN OUT.png PROMPT ...")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := draw(ctx, os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		log.Fatal(err)
	}
}

func draw(ctx context.Context, run, out string, prompts []string) error {
	device, err := tensor.OpenDevice("auto", tensor.DeviceOptions{})
	if err != nil {
		return err
	}
	defer device.Close()
	birds, err := sample.OpenTextToImage(ctx, run, device)
	if err != nil {
		return err
	}
	const n = 8
	typical := sampling.Default()
	typical.Temperature = 0.9
	pictures, err := birds.Generate(ctx, sample.GenerateOptions{
		Prompts: prompts, N: n, Seed: 7, Sampling: &typical,
		Rows: func(r sample.Rows) { log.Printf("%d of %d rows", r.Done, r.Total) },
	})
	if err != nil {
		return err
	}
	sections := make([]layout.Section, len(prompts))
	for i, p := range pictures {
		s := &sections[i/n]
		s.Title, s.Images = p.Prompt, append(s.Images, p.Image)
	}
	grid, err := layout.Grid(layout.Options{Columns: n}, sections...)
	if err != nil {
		return err
	}
	return layout.SavePNG(out, grid)
}
