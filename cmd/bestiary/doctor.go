package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/cuda"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/ram"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/spf13/cobra"
	"golang.org/x/sys/cpu"
)

func newDoctor() *cobra.Command {
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Show what this machine offers and what --device auto chooses",
		Long: `Show the processor, its vector instructions and kernel sets, the memory, the NVIDIA GPUs, the
libraries of MPI and NCCL, the cache for decoded pictures, and the device that --device chooses, with
a small computation on it. The output belongs in a bug report. Started by mpirun, it also lets the
ranks add ones.`,
		Example: `  bestiary doctor
  mpirun -n 4 bestiary doctor
  bestiary doctor --device cuda
  bestiary doctor --precision medium`,
		Args: noArguments,
	}
	c.Annotations = map[string]string{ranksKey: ranksEach}
	device := addDeviceFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		place, found, err := addOnes(c.Context())
		if err != nil || place.Rank > 0 {
			return err // the first rank speaks for all
		}
		chosen, err := device.open()
		if err != nil {
			return err
		}
		defer chosen.Close()
		rows := [][2]string{
			{"bestiary", version()},
			{"Go", fmt.Sprintf("%s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH)},
			{"processor", cmp.Or(simd.ProcessorName(), "unknown")},
			{"features", features()},
			{"caches", caches()},
			{"processors", fmt.Sprintf("%d usable of %d", runtime.GOMAXPROCS(0), runtime.NumCPU())},
			{"memory", memory()},
			{"kernel sets", kernelSets()},
			{"precision", precisions()},
		}
		rows = append(rows, gpu()...)
		rows = append(rows, [][2]string{
			{"MPI", found},
			{"NCCL", collectives()},
			{"picture cache", pictureCache()},
			{"device chosen", fmt.Sprintf("%s, %s, precision %s", chosen.Name(), count(chosen.Threads(), "thread"), chosen.Precision())},
			{"arithmetic", trying(func() string { return arithmetic(chosen) })},
		}...)
		if gpu := engine.Kernels(chosen).Features().Accelerator; gpu != nil {
			rows = append(rows, [2]string{"CUDA graphs", trying(func() string { return graphs(chosen, gpu) })})
		}
		for _, r := range rows {
			if _, err := fmt.Fprintf(c.OutOrStdout(), "%-14s %s\n", r[0], r[1]); err != nil {
				return err
			}
		}
		return nil
	}
	return c
}

func memory() string {
	all := ram.Look()
	if all.Free == ram.Unlimited {
		return "unknown on this operating system, so a training that is too large is not refused"
	}
	return fmt.Sprintf("%.1f GiB in total, %.1f GiB free", float64(all.Memory)/(1<<30), float64(all.Free)/(1<<30))
}

// features lists the vector instructions that kernels use or could use.
func features() string {
	var have []string
	for _, f := range []struct {
		name string
		on   bool
	}{
		{"AVX2", cpu.X86.HasAVX2}, {"FMA", cpu.X86.HasFMA}, {"AVX-512F", cpu.X86.HasAVX512F}, {"AVX-512VL", cpu.X86.HasAVX512VL},
		{"AVX-512BF16", cpu.X86.HasAVX512BF16}, {"AMX-BF16", cpu.X86.HasAMXBF16}, {"ASIMD", cpu.ARM64.HasASIMD}, {"SVE", cpu.ARM64.HasSVE},
	} {
		if f.on {
			have = append(have, f.name)
		}
	}
	if len(have) == 0 {
		return "none that have kernels"
	}
	return strings.Join(have, ", ")
}

// caches names the data caches, by which the kernels choose sizes of blocks.
func caches() string {
	all := simd.DetectCaches()
	var sizes []string
	for i, bytes := range []int{all.L1, all.L2, all.L3} {
		size := "unknown"
		switch {
		case bytes >= 1<<20:
			size = fmt.Sprintf("%d MB", bytes>>20)
		case bytes > 0:
			size = fmt.Sprintf("%d kB", bytes>>10)
		}
		sizes = append(sizes, fmt.Sprintf("level %d: %s", i+1, size))
	}
	return strings.Join(sizes, ", ")
}

func kernelSets() string {
	var sets []string
	for _, level := range simd.Levels() {
		sets = append(sets, level.String())
	}
	return strings.Join(sets, ", ")
}

// precisions describes how products are computed at each --precision.
func precisions() string {
	const weights = "highest, high and medium all in float32, but medium generates with weights in bfloat16: "
	switch {
	case simd.Detect() == simd.Portable:
		return "highest, high and medium all in float32: there are no kernels for this processor"
	case simd.BF16For(simd.Detect()) == nil:
		return weights + "no AVX512-BF16"
	case simd.HasAMX():
		return "highest in float32; high in three products in bfloat16 and medium in one, on AMX's tiles"
	case !simd.BF16Pays():
		return weights + noTiles() + ", and its AVX512-BF16 is not faster than float32"
	}
	return "highest and high in float32 (" + noTiles() + ", and three products in bfloat16 take longer on AVX512-BF16), medium in bfloat16"
}

// gpu describes the GPUs, or the reason why none can be used.
func gpu() [][2]string {
	first, err := cuda.Open(0)
	if err != nil {
		return [][2]string{{"GPU", err.Error()}}
	}
	rows := [][2]string{{"NVIDIA driver", fmt.Sprintf("CUDA %s, %s", first.Info().Version, first.Info().Driver)}}
	for i := range first.Info().Devices {
		name := fmt.Sprintf("cuda:%d", i)
		d, err := cuda.Open(i)
		if err != nil {
			rows = append(rows, [2]string{name, err.Error()})
			continue
		}
		g := d.Info()
		rows = append(rows, [2]string{name, fmt.Sprintf("%s, compute capability %d.%d, %d multiprocessors, %.1f GiB of memory",
			g.Name, g.Major, g.Minor, g.Processors, float64(g.Memory)/(1<<30))})
	}
	return append(rows, [2]string{"cuBLAS", first.Library()})
}

func pictureCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "none: " + err.Error()
	}
	return filepath.Join(dir, "bestiary")
}

// trying returns the result of f, or its panic as text, so that a failure doesn't end the report.
func trying(f func() string) (result string) {
	defer func() {
		if failure := recover(); failure != nil {
			result = fmt.Sprintf("fails: %v", failure)
		}
	}()
	return f()
}

// arithmetic checks a small product on the device.
func arithmetic(d *tensor.Device) string {
	a := d.From([]float32{1, 2, 3, 4}, 2, 2)
	if got := a.MatMul(a).Values(); got[0] != 7 || got[1] != 10 || got[2] != 15 || got[3] != 22 {
		return fmt.Sprintf("wrong: [1 2; 3 4]² gave %v; please report this", got)
	}
	return "works"
}

// graphs reports how CUDA graphs handle repeated work.
func graphs(d *tensor.Device, gpu kernel.Accelerator) string {
	a := d.From([]float32{0, 1, 1, 0}, 2, 2)
	engine.Kernels(d).Synchronize()
	for range 3 {
		s := d.Scratch()
		for range 8 {
			a.MatMul(a)
		}
		engine.Kernels(d).Synchronize()
		s.End()
	}
	return gpu.GraphUse()
}
