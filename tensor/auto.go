package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/cuda"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// autoSize is the size of the trials of a GPU: large enough for several tiles, and for Winograd's algorithm.
var autoSize = trialSize{n: 8, side: 32, wide: 64, channels: 64}

// autoAgreement is how closely a GPU must agree with the processor at each precision. The limits are at least three times the
// differences measured when the operands of products are rounded to 24, 10 and 7 bits.
var autoAgreement = map[kernel.Precision]agreement{
	kernel.Highest: {loss: 1e-5, gradient: 5e-5},
	kernel.High:    {loss: 1e-4, gradient: 0.03},
	kernel.Medium:  {loss: 1e-3, gradient: 0.15},
}

// openAuto opens the first GPU if there is one and its trials agree with the processor, and the processor otherwise.
func openAuto(o DeviceOptions, precision kernel.Precision) (*Device, error) {
	if o.processorOnly() {
		return openProcessor(o, precision)
	}
	gpu, unused := cuda.Open(0)
	return chooseGPU(gpu, unused, o, precision)
}

// chooseGPU returns gpu if opening it gave no error (unused is nil) and its trials agree. Otherwise it closes gpu and returns the
// processor.
func chooseGPU(gpu *cuda.Device, unused error, o DeviceOptions, precision kernel.Precision) (*Device, error) {
	if unused == nil {
		if unused = try(gpu, precision); unused == nil {
			return newDevice(gpu), nil
		}
		if err := gpu.Release(); err != nil {
			unused = fmt.Errorf("%w (and closing it failed: %v)", unused, err)
		}
	}
	processor, err := openProcessor(o, precision)
	if err == nil && !cuda.Absent(unused) {
		processor.remark = fmt.Sprintf("the GPU isn't used: %v", unused)
	}
	return processor, err
}

// try runs the trials on a GPU and on a processor device of its own, whose memory, some 20 MB, is released.
func try(gpu *cuda.Device, precision kernel.Precision) error {
	gpu.SetPrecision(precision)
	processor, err := openProcessor(DeviceOptions{}, precision)
	if err != nil {
		return err
	}
	defer processor.Close()
	if err := agrees(newDevice(gpu), processor, autoSize, autoAgreement[precision]); err != nil {
		return fmt.Errorf("%s: %w", gpu.Info().Name, err)
	}
	return nil
}
