package flows

import (
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tensor"
)

// OneHot encodes class labels [N] as the condition of a flow, [N, classes]: 1 in the label's column and 0 elsewhere. The error
// is a [*fault.FieldError].
func OneHot(d *tensor.Device, labels []int, classes int) (*tensor.Tensor, error) {
	switch {
	case d == nil:
		return nil, fault.Field("Device", nil, "must be given")
	case classes < 0 || classes > maxSize:
		return nil, fault.Field("Classes", classes, "must be a number from 0 to %d", maxSize)
	}
	values := make([]float32, len(labels)*classes)
	for i, label := range labels {
		if label < 0 || label >= classes {
			return nil, fault.Field("Labels", label, "must be one of the %d classes, which count from 0; it is the label of row %d", classes, i)
		}
		values[i*classes+label] = 1
	}
	return d.From(values, len(labels), classes), nil
}
