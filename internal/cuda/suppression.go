package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// Overlaps implements kernel.Suppression.
func (d *Device) Overlaps(n int, threshold float32, boxes, bits kernel.Buffer) {
	d.each(function{"suppression", "overlaps"}, n*((n+31)/32), n, threshold, boxes, bits)
}
