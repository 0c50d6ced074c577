package maskrcnn

import (
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/tensor"
)

// masked are the regions whose masks are trained.
type masked struct {
	boxes  [][]detect.Box // of each picture
	labels []int32        // class of each, counted from 1
	pixels [][]uint8      // of the mask of the object of each
}

// maskPixels returns the pixels of the masks of objects, each decoded when it is first needed.
func maskPixels(objects []Target) func(i int) []uint8 {
	decoded := make([][]uint8, len(objects))
	return func(i int) []uint8 {
		if decoded[i] == nil {
			decoded[i] = objects[i].Mask.Pixels()
		}
		return decoded[i]
	}
}

// maskLoss returns the mean loss of the pixels of masks, each for its own class.
func (m *Model) maskLoss(v *view, drawn masked) *tensor.Tensor {
	d, side, n := m.device, 2*m.config.MaskSize, len(drawn.labels)
	share := 1 / m.perRank(n)
	if n == 0 {
		return d.Zeros(1)
	}
	logits := m.masks.forward(m.read(v, drawn.boxes, m.config.MaskSize)) // [R, side, side, classes+1]
	var want []float32
	k := 0
	for i, own := range drawn.boxes {
		for _, b := range own {
			want = append(want, within(drawn.pixels[k], v.sizes[i], v.places[i].outOf(b), side)...)
			k++
		}
	}
	pixels := side * side
	return logistic(ofClasses(logits, drawn.labels), d.From(want, n*pixels, 1)).Scale(share / float64(pixels))
}

// ofClasses returns of logits [R, side, side, columns] those of one column for each R, [R·side², 1].
func ofClasses(logits *tensor.Tensor, columns []int32) *tensor.Tensor {
	n := len(columns)
	pixels, width := logits.Dim(1)*logits.Dim(2), logits.Dim(3)
	rows := logits.Reshape(n, pixels, width).Permute(0, 2, 1).Reshape(n*width, pixels) // a row for each region and class
	index := make([]int32, n)
	for i, c := range columns {
		index[i] = int32(i*width) + c
	}
	return rows.Gather(0, logits.Device().Ints(index)).Reshape(n*pixels, 1)
}

// within returns the mask of a picture in a box as side×side shares of the area, as torchvision's project_masks_on_boxes. These are not
// the pixels of [mask.Mask.Within], which are 0 or 1.
func within(pixels []uint8, size Size, box detect.Box, side int) []float32 {
	s := detect.ROIAlign{Size: side}.Weights([]detect.Map{{Grid: detect.Grid(size), Scale: 1}}, 1, []detect.Region{{Box: box}})
	out := make([]float32, s.Rows)
	for r := range out {
		for k := s.Begins[r]; k < s.Begins[r+1]; k++ {
			out[r] += s.Weights[k] * float32(pixels[s.Index[k]])
		}
	}
	return out
}
