package flows

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/tensor"
)

// OneHot encodes class labels as the condition of a flow, [N, classes]: 1 in the label's column and 0 elsewhere.
func OneHot(d *tensor.Device, labels []int, classes int) (*tensor.Tensor, error) {
	values := make([]float32, len(labels)*classes)
	for i, label := range labels {
		if label < 0 || label >= classes {
			return nil, fmt.Errorf("label %d of row %d is not one of the %d classes; labels count from 0", label, i, classes)
		}
		values[i*classes+label] = 1
	}
	return d.From(values, len(labels), classes), nil
}
