package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// Upsample implements kernel.Pictures.
func (d *Device) Upsample(w kernel.Windows, scale float64, x, y kernel.Buffer) {
	d.arguments.windows = w
	d.each(function{"resolution", "upsample"}, w.Large(), structArg(&d.arguments.windows), float32(scale), x, y)
}

// SumWindows implements kernel.Pictures.
func (d *Device) SumWindows(w kernel.Windows, scale float64, x, y kernel.Buffer) {
	d.arguments.windows = w
	d.each(function{"resolution", "sum_windows"}, w.Small(), structArg(&d.arguments.windows), float32(scale), x, y)
}

// Blur implements kernel.Pictures.
func (d *Device) Blur(w kernel.Windows, x, y kernel.Buffer) {
	d.arguments.windows = w
	d.each(function{"resolution", "blur"}, w.Small(), structArg(&d.arguments.windows), x, y)
}

// BlurGrad implements kernel.Pictures.
func (d *Device) BlurGrad(w kernel.Windows, gy, gx kernel.Buffer) {
	d.arguments.windows = w
	d.each(function{"resolution", "blur_grad"}, w.Large(), structArg(&d.arguments.windows), gy, gx)
}
