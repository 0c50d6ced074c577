package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// MaxPool implements kernel.Pictures.
func (d *Device) MaxPool(p kernel.Pool, x, y kernel.Buffer) {
	d.arguments.pool = p
	d.each(function{"pooling", "max_pool"}, p.Output(), structArg(&d.arguments.pool), x, y)
}

// MaxPoolGrad implements kernel.Pictures.
func (d *Device) MaxPoolGrad(p kernel.Pool, x, gy, gx kernel.Buffer) {
	d.arguments.pool = p
	d.each(function{"pooling", "max_pool_grad"}, p.Input(), structArg(&d.arguments.pool), x, gy, gx)
}
