package main

import (
	"os"
	"os/exec"
	"slices"

	"github.com/bestiary-ml/bestiary/bench"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/studio/load"
	"github.com/spf13/cobra"
)

func newBench() *cobra.Command {
	var o bench.Options
	var steady bool
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure the speed of named workloads, optionally beside PyTorch or Go libraries",
		Long: `Measure named workloads: seconds for an iteration (median and quartiles), items and floating-point
operations per second, the share of the peak that a loop of fused multiply-adds reaches in the same
run, and peak memory. Operations are counted for direct algorithms, so Winograd convolutions may
exceed the peak.

With --vs, a peer runs the same workloads in turns with bestiary, and its ratio is printed:
  torch          PyTorch, eager
  torch-compile  PyTorch with torch.compile
  torch-cached   PyTorch that generates with a KV cache; the reference, as torch runs it, computes
                 the whole sequence again for each code
  zuko, nflows   zuko 1.6.0 and nflows 0.14, libraries of flows over PyTorch, eager; without --only,
                 the workloads density/… are measured
  gorgonia, gomlx, spago
                 libraries in Go, built from the checkout

PyTorch computes at the same precision. On the processor it is measured in the form that is fastest
there: with channels-last pictures, and at medium in bfloat16 autocast, or without.

With --device cuda, PyTorch computes on the same GPU at the same precision, memory is that of the
GPU after the warm-up, and there is no share of a peak.

Workloads:
  gemm/1024               matrix product C = A·B, 1024³
  autoencoder/train/b32   training step of the pets autoencoder, 32 pictures
  realnvp/train/b32, b256 training step of a flow with 12 couplings over 256 dimensions
  pets/sample/64          64 latents through the inverse flow and the decoder, to pictures
  dvae/train/…            training step of the discrete VAE, 8 pictures of 128×128
  dalle/train/…           training step of DALL-E, 4 captions and pictures: 64+256 or 256+1,024 tokens
  dalle/generate/…        one picture for a caption: 256 codes with the KV cache, decoded
  attention/…             forward and backward of each pattern, 4 sequences of 256+1,024 tokens
  density/…               training step of RealNVP, NSF and MAF on 256 rows of 6, 21 and 64 columns, and
                          256 samples of MAF: five layers, two hidden layers of 128, splines of 8 bins
  serve                   only by --only serve: requests a second and latency of 1, 16 and 256 clients of
                          "bestiary serve", a process of its own with a DALL-E of the demo's size,
                          drawn together and one at a time; time to the first partial picture; memory
                          after 100 and 10,000 requests`,
		Example: `  bestiary bench
  bestiary bench --only gemm/1024 --threads 1
  bestiary bench --vs torch --json
  bestiary bench --vs zuko --threads 2
  bestiary bench --precision medium
  bestiary bench --device cuda --vs torch-compile --only realnvp
  bestiary bench --only dalle/generate --profile cpu.pprof && go tool pprof -top cpu.pprof
  bestiary bench --only serve
  bestiary bench --steady`,
		Args: noArguments,
	}
	c.AddCommand(newBenchTables(), newBenchScaling(), newBenchBackbones())
	device := addDeviceFlags(c)
	c.Flags().StringArrayVar(&o.Only, "only", nil, "workload to measure: a name, a prefix up to a slash, or a pattern with * (repeatable; default: all)")
	c.Flags().BoolVar(&o.JSON, "json", false, "print a JSON object for each workload")
	c.Flags().DurationVar(&o.Time, "time", 0, "time to measure each workload for (0: 3s)")
	c.Flags().IntVar(&o.Rounds, "rounds", 0, "number of turns that --time is divided into (0: 5)")
	c.Flags().StringVar(&o.Versus, "vs", "", "peer to measure in the same run: torch, torch-compile, torch-cached, zuko, nflows, gorgonia, gomlx or spago")
	c.Flags().StringVar(&o.Python, "python", "", "Python interpreter with the packages of torch, zuko or nflows (default: python3 or /usr/bin/python3)")
	c.Flags().StringVar(&o.Profile, "profile", "", "file for a CPU profile of one workload's timed iterations, for go tool pprof (not with --vs)")
	c.Flags().BoolVar(&steady, "steady", false, "measure the memory of 5,000 training steps instead of time")
	c.RunE = func(c *cobra.Command, _ []string) error {
		d, err := device.open() // checks the flags; each workload opens a device of its own
		if err != nil {
			return err
		}
		d.Close()
		o.Device, o.Threads, o.Kernels = device.name, device.options.Threads, device.options.Kernels
		o.Precision = device.options.Precision
		if slices.Equal(o.Only, []string{"serve"}) {
			return benchServe(c, o, steady, device)
		}
		if steady {
			return bench.Steady(c.Context(), o, 0, c.OutOrStdout(), c.ErrOrStderr())
		}
		return bench.Run(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
	}
	return c
}

// benchServe measures a server, which is this program again.
func benchServe(c *cobra.Command, o bench.Options, steady bool, device *deviceFlags) error {
	if steady {
		return usagef("--steady: is for trainings; leave it out with --only serve")
	}
	if o.Rounds != 0 || o.Versus != "" || o.Python != "" || o.Profile != "" {
		return fault.Field("Only", "serve", "has no use for Rounds, Versus, Python and Profile; leave them out")
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	command := func(args ...string) *exec.Cmd { return exec.Command(program, args...) }
	return load.Run(c.Context(), load.Options{Command: command, Device: device.arguments(), Time: o.Time, JSON: o.JSON}, c.OutOrStdout(), c.ErrOrStderr())
}
