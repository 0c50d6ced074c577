package main

import (
	"fmt"
	"strconv"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/spf13/cobra"
	"golang.org/x/sys/cpu"
)

// deviceFlags are the flags of every command that computes.
type deviceFlags struct {
	command *cobra.Command
	name    string
	options tensor.DeviceOptions
	opened  *tensor.Device
}

func addDeviceFlags(c *cobra.Command) *deviceFlags {
	f := &deviceFlags{command: c}
	c.Flags().StringVar(&f.name, "device", "auto", "where to compute: cpu, cuda, cuda:N or auto (an NVIDIA GPU that passes a self-test, else the processor)")
	c.Flags().IntVar(&f.options.Threads, "threads", 0, "worker threads (0: one for each processor)")
	c.Flags().StringVar(&f.options.Kernels, "kernels", "auto", "CPU kernel set: auto, portable, avx2, avx512 or neon")
	c.Flags().StringVar(&f.options.Precision, "precision", "highest",
		"lowest precision of matrix products, convolutions and attention: highest (float32), high or medium (bfloat16)")
	return f
}

// arguments are the flags as a command line has them.
func (f *deviceFlags) arguments() []string {
	return []string{"--device", f.name, "--threads", strconv.Itoa(f.options.Threads), "--kernels", f.options.Kernels, "--precision", f.options.Precision}
}

// check refuses wrong flags before the device is opened.
func (f *deviceFlags) check() error {
	if n := f.options.Threads; n < 0 || n > maxThreads {
		return usagef("--threads %d: must be 1 to %d, or 0 for one for each processor", n, maxThreads)
	}
	return nil
}

const maxThreads = 4096 // as package tensor has it

// open opens the device at the first call and returns it again at others: pipelines of a command share it.
func (f *deviceFlags) open() (*tensor.Device, error) {
	if f.opened != nil {
		return f.opened, nil
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	d, err := f.openFor(ranksOf(f.command))
	if err != nil {
		return nil, usagef("%w", err)
	}
	if r := d.Remark(); r != "" {
		fmt.Fprintln(f.command.ErrOrStderr(), r)
	}
	if asked := f.options.Precision; asked != "" && asked != d.Precision() {
		fmt.Fprintf(f.command.ErrOrStderr(), "--precision %s: computes in float32 (highest): %s\n", asked, f.whyFloat32(asked))
	} else if engine.Kernels(d).Features().OnlyWeights {
		fmt.Fprintf(f.command.ErrOrStderr(), "--precision %s: computes in float32, but generates with weights in bfloat16: %s\n", asked, f.whyFloat32(asked))
	}
	if r := ranksOf(f.command); r != nil && f.command.Annotations[ranksKey] == ranksDivide {
		if err := r.Divide(d); err != nil {
			return nil, err
		}
	}
	f.opened = d
	return d, nil
}

// openFor opens the device of this process, which may be one of several ranks: on each machine they take a GPU each or, where there are
// none, their share of the processors.
func (f *deviceFlags) openFor(ranks *train.Ranks) (*tensor.Device, error) {
	if ranks == nil {
		return tensor.OpenDevice(f.name, f.options)
	}
	local, _ := ranks.Local()
	o := f.options
	if f.name == "cuda" || f.name == "auto" && o.Threads == 0 && (o.Kernels == "" || o.Kernels == "auto") {
		d, err := tensor.OpenDevice(fmt.Sprintf("cuda:%d", local), o)
		if err != nil && local > 0 { // the launcher may show each rank one GPU only
			d, err = tensor.OpenDevice("cuda:0", o)
		}
		if err == nil || f.name == "cuda" {
			return d, err
		}
	}
	name := f.name
	if name == "auto" {
		name = "cpu"
	}
	if o.Threads == 0 && name == "cpu" {
		o.Threads = threadsOf(ranks)
	}
	return tensor.OpenDevice(name, o)
}

// whyFloat32 returns the reason why products are computed in float32 although a lower precision is allowed. Products with frozen weights in
// generation may be an exception, see kernel.Features.OnlyWeights.
func (f *deviceFlags) whyFloat32(precision string) string {
	switch {
	case simd.BF16For(simd.Detect()) == nil:
		return "this processor has no AVX512-BF16"
	case !simd.HasAMX() && !simd.BF16Pays():
		return noTiles() + ", and its AVX512-BF16 is not faster than float32"
	case precision == "high" && !simd.HasAMX():
		return noTiles() + ", and three products in bfloat16 take longer on AVX512-BF16 than one in float32"
	default:
		return "--kernels " + f.options.Kernels + " has no bfloat16 products"
	}
}

// noTiles returns the reason why products are not computed with AMX tiles.
func noTiles() string {
	if cpu.X86.HasAMXBF16 {
		return "the operating system doesn't permit AMX"
	}
	return "this processor has no AMX"
}
