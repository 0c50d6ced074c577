package main

import (
	"github.com/bestiary-ml/bestiary/bench"
	"github.com/spf13/cobra"
)

func newBenchBackbones() *cobra.Command {
	var o bench.BackboneOptions
	c := &cobra.Command{
		Use:   "backbones",
		Short: "Measure Mask R-CNN with each backbone, optionally beside PyTorch and ONNX Runtime",
		Long: `Measure how long a Mask R-CNN takes for a picture with each backbone: normalization, backbone, pyramid,
region proposals and both heads. For each backbone and size, the table has the precision, the number of
parameters, the mean time, the peak memory of the process, and the number of runs.

The models are those of torchvision, of one class, with random weights. The layers that predict boxes and
classes have weights of 0, and non-maximum suppression compares all boxes and removes none: each picture
has 1000 proposals and 100 objects with masks, whatever the backbone is. Masks have 28×28 pixels and are
not pasted into the picture.

With --vs, peers run the same in turns: torch is torchvision's Mask R-CNN in PyTorch, onnxruntime the same
in ONNX Runtime, exported by torch.onnx. Networks that torchvision lacks have no figures there. Ratios are
those of medians. The memory of ONNX Runtime includes PyTorch's code, as its process exports the model.

--only takes the keys and the names of docs/backbones.md, which also has published times.`,
		Example: `  bestiary bench backbones --only resnet50 --only efficientnetb0 --sizes 512
  bestiary bench backbones --vs torch,onnxruntime --threads 2 --json
  bestiary bench backbones --precision medium`,
		Args: noArguments,
	}
	device := addDeviceFlags(c)
	c.Flags().StringArrayVar(&o.Only, "only", nil, "backbone to measure (repeatable; default: all)")
	c.Flags().IntSliceVar(&o.Sizes, "sizes", nil, "sides of the picture in pixels, multiples of 32 (default 512,1024)")
	c.Flags().StringSliceVar(&o.Peers, "vs", nil, "peers to measure in the same run: torch, onnxruntime or both")
	c.Flags().StringVar(&o.Python, "python", "", "Python interpreter with the packages of the peers (default: python3 or /usr/bin/python3)")
	c.Flags().DurationVar(&o.Time, "time", 0, "time to measure each backbone for (0: 3s)")
	c.Flags().IntVar(&o.Rounds, "rounds", 0, "number of turns that --time is divided into (0: 5)")
	c.Flags().BoolVar(&o.JSON, "json", false, "print a JSON object for each backbone and size")
	c.RunE = func(c *cobra.Command, _ []string) error {
		d, err := device.open() // checks the flags; each workload opens a device of its own
		if err != nil {
			return err
		}
		d.Close()
		o.Device, o.Threads, o.Kernels, o.Precision = device.name, device.options.Threads, device.options.Kernels, device.options.Precision
		return bench.Backbones(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
	}
	return c
}
