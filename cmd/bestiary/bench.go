package main

import (
	"github.com/bestiary-ml/bestiary/bench"
	"github.com/spf13/cobra"
)

func newBench() *cobra.Command {
	var o bench.Options
	var steady bool
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure the named workloads, beside PyTorch or Go libraries if wanted",
		Long: `Measure the named workloads: seconds an iteration (median and spread), items and operations a
second, the share of the peak that a loop of fused multiply-adds reaches in the same run, and
peak memory. With --vs torch, the same is measured in PyTorch in turns, and the ratio printed;
with --vs torch-compile, in PyTorch with torch.compile; with --vs torch-cached, PyTorch generates
pictures with a cache, where the reference computes everything anew for each code.
Operations are those of the direct algorithms, so convolutions by Winograd's may exceed the peak.

With --device cuda, PyTorch computes on the same GPU at the same precision, memory is the GPU's since
the workload was warmed up, there is no share of a peak, and what CUDA graphs did is told.

  gemm/1024               C = A·B, 1024³, float32
  autoencoder/train/b32   forward, MSE, backward, Adam of the pets autoencoder, 32 pictures
  realnvp/train/b32, b256 NLL, backward, Adam of the 12-coupling flow over 256 dimensions
  pets/sample/64          64 latents through the inverse flow and the decoder, to pictures
  dvae/train/…            loss, backward, Adam of the discrete VAE, 8 pictures of 128×128
  dalle/train/…           the same of DALL-E, 4 captions and pictures: 64+256 tokens, 256+1,024 tokens
  dalle/generate/…        one picture for a caption: 256 codes with the cache, decoded
  attention/…             forward and backward of each pattern, 4 sequences of 256+1,024 tokens`,
		Example: `  bestiary bench
  bestiary bench --only gemm/1024 --threads 1
  bestiary bench --vs torch --json
  bestiary bench --precision medium
  bestiary bench --device cuda --vs torch-compile --only realnvp
  bestiary bench --only dalle/generate --profile cpu.pprof && go tool pprof -top cpu.pprof
  bestiary bench --steady`,
		Args: noArguments,
	}
	device := addDeviceFlags(c)
	c.Flags().StringArrayVar(&o.Only, "only", nil, "workload to measure: a name, the beginning of one up to a slash, or a pattern (repeatable; default: all)")
	c.Flags().BoolVar(&o.JSON, "json", false, "print a JSON object for each workload")
	c.Flags().DurationVar(&o.Time, "time", 0, "time to measure each workload for (0: 3s)")
	c.Flags().IntVar(&o.Rounds, "rounds", 0, "turns that this time is divided into (0: 5)")
	c.Flags().StringVar(&o.Versus, "vs", "", "peer to measure in the same run: torch, torch-compile, torch-cached, or gorgonia, gomlx, spago (built from the checkout)")
	c.Flags().StringVar(&o.Python, "python", "", "Python that has PyTorch (default: the first on the path that has it)")
	c.Flags().StringVar(&o.Profile, "profile", "", "file for a CPU profile of one workload's timed iterations, for go tool pprof (not beside --vs)")
	c.Flags().BoolVar(&steady, "steady", false, "measure memory over 5,000 training steps instead of time")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if _, err := device.open(); err != nil {
			return err
		}
		o.Device, o.Threads, o.Kernels = device.name, device.options.Threads, device.options.Kernels
		o.Precision = device.options.Precision
		if steady {
			return bench.Steady(c.Context(), o, 0, c.OutOrStdout(), c.ErrOrStderr())
		}
		return bench.Run(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
	}
	return c
}
