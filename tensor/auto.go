package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/cuda"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// trialSize is what a GPU is put to the trial with: enough for tiles to be many and for Winograd's algorithm to be chosen.
var trialSize = specimenSize{n: 8, side: 32, wide: 64, channels: 64}

// trial is how closely a GPU must agree with the processor at each precision: ten times what rounding to 24, 10 and 7 bits
// was seen to do to a specimen.
var trial = map[kernel.Precision]agreement{
	kernel.Highest: {loss: 1e-5, gradient: 5e-5},
	kernel.High:    {loss: 1e-4, gradient: 0.03},
	kernel.Medium:  {loss: 1e-3, gradient: 0.15},
}

// openAuto opens the first GPU, if there is one and it does what the processor does, or else the processor.
func openAuto(o DeviceOptions, precision kernel.Precision) (*Device, error) {
	if o.processors() {
		return openProcessor(o, precision)
	}
	gpu, unused := cuda.Open(0)
	if unused == nil {
		if unused = try(gpu, precision); unused == nil {
			return newDevice(gpu), nil
		}
	}
	processor, err := openProcessor(o, precision)
	if err == nil && !cuda.Absent(unused) {
		processor.remark = fmt.Sprintf("the GPU isn't used: %v", unused)
	}
	return processor, err
}

// try puts a GPU to the trial, beside a processor of its own: its memory, some 20 MB, isn't kept.
func try(gpu *cuda.Device, precision kernel.Precision) error {
	gpu.SetPrecision(precision)
	processor, err := openProcessor(DeviceOptions{}, precision)
	if err != nil {
		return err
	}
	defer processor.Close()
	if err := agrees(newDevice(gpu), processor, trialSize, trial[precision]); err != nil {
		return fmt.Errorf("%s: %w", gpu.Info().Name, err)
	}
	return nil
}
