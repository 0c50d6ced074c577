package main

import (
	"strings"

	"github.com/bestiary-ml/bestiary/bench/scaling"
	"github.com/spf13/cobra"
)

func newBenchScaling() *cobra.Command {
	o := scaling.Defaults()
	var gpus, links []string
	for _, g := range scaling.GPUs {
		gpus = append(gpus, g.Name)
	}
	for _, l := range scaling.Links {
		links = append(links, l.Name)
	}
	c := &cobra.Command{
		Use:   "scaling",
		Short: "Predict how training scales over GPUs, from published figures; nothing is measured",
		Long: `Simulate a training step of transformers of several sizes on many GPUs, eight in a machine, and print
for each number of GPUs and each stage of ZeRO:

  step        time of a step
  efficiency  sequences per second and GPU, over those of one GPU. A stage from 1 on can exceed 100 %,
              since the GPUs share the optimizer's work
  hidden      share of the time of collective operations during which the GPU computes
  sent        bytes that each GPU sends
  memory      bytes that each GPU needs: weights, gradients, Adam's moments, activations

Stage 0 divides nothing among the GPUs, 1 Adam's moments, 2 also the gradients, 3 also the weights. Each
GPU has a batch of its own, so the global batch grows with their number. The peak of a GPU, its memory
and the speed of links are those of data sheets; --share and --spread are assumptions. With a smaller
share, the step takes longer and hides more. docs/cluster.md says what is simulated.`,
		Example: `  bestiary bench scaling
  bestiary bench scaling --gpus 8,16,32,64,128,256,512,1024 --stage 3
  bestiary bench scaling --gpu a100 --link hdr200 --share 0.5 --batch 4`,
		Args: noArguments,
	}
	c.Flags().StringVar(&o.GPU, "gpu", o.GPU, "GPU: "+strings.Join(gpus, ", "))
	c.Flags().StringVar(&o.Link, "link", o.Link, "network between machines: "+strings.Join(links, ", "))
	c.Flags().IntSliceVar(&o.GPUs, "gpus", o.GPUs, "numbers of GPUs: up to 8, or multiples of 8")
	c.Flags().IntSliceVar(&o.Stage, "stage", o.Stage, "stages of ZeRO, 0 to 3")
	c.Flags().IntVar(&o.Batch, "batch", o.Batch, "sequences that each GPU computes in a step")
	c.Flags().IntVar(&o.Bucket, "bucket", o.Bucket, "megabytes of gradients that are sent together")
	c.Flags().Float64Var(&o.Share, "share", o.Share, "share of the GPU's peak that matrix products reach")
	c.Flags().Float64Var(&o.Spread, "spread", o.Spread, "standard deviation of a GPU's time for the same work, as a share of it; a step waits for the slowest GPU")
	c.RunE = func(c *cobra.Command, _ []string) error { return scaling.Run(o, c.OutOrStdout()) }
	return c
}
