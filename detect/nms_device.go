package detect

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

const (
	leastOnDevice = 4096    // boxes; the processor is done with fewer before a transfer is
	mostOnDevice  = 1 << 15 // boxes, whose bits take 128 MiB
)

// NMSOn is [NMSPerClass], or [NMS] if classes is nil, computed on a device. A GPU compares all pairs of 4,096 to 32,768 boxes, and the
// processor then goes through the boxes by falling score, as torchvision does. Other numbers of boxes and other devices use the
// processor only. The result is the same. Like operations of tensors, it needs the device for itself; see [tensor.Device.Exclusive].
//
// Errors are those of NMSPerClass and, of the device, a [*fault.OutOfMemory] or a [*fault.DeviceError].
func NMSOn(d *tensor.Device, b []Box, scores []float32, classes []int, threshold float64) (kept []int, err error) {
	defer fault.Catch(&err)
	if d == nil || engine.Suppression(d) == nil || len(b) < leastOnDevice || len(b) > mostOnDevice {
		if classes == nil {
			return NMS(b, scores, threshold)
		}
		return NMSPerClass(b, scores, classes, threshold)
	}
	if err := checkNMS(b, scores, threshold); err != nil {
		return nil, err
	}
	if classes != nil && len(classes) != len(b) {
		return nil, fmt.Errorf("detect: %d classes for %d boxes; give one a box", len(classes), len(b))
	}
	return suppressOn(d, engine.Suppression(d), b, scores, classes, threshold), nil
}

// suppressOn compares all pairs of boxes that may suppress or be suppressed on a device, and goes through them.
func suppressOn(d *tensor.Device, s kernel.Suppression, b []Box, scores []float32, classes []int, threshold float64) []int {
	order := ByScore(scores)
	var values []float32             // [n, 5] of the usable boxes by falling score
	place := make([]int, len(order)) // of each box by falling score among them, or -1
	groups := map[int]float32{}
	for at, i := range order {
		r := newRect(b[i])
		if !usable(b[i], &r) {
			place[at] = -1
			continue
		}
		group := float32(0)
		if classes != nil {
			known, ok := groups[classes[i]]
			if group = known; !ok {
				group = float32(len(groups))
				groups[classes[i]] = group
			}
		}
		place[at] = len(values) / 5
		values = append(values, r.x0, r.y0, r.x1, r.y1, group)
	}
	overlaps := overlapsOn(d, s, values, threshold)
	n := len(values) / 5
	words := (n + 31) / 32
	removed := make([]uint32, words)
	var kept []int
	for at, i := range order {
		p := place[at]
		if p < 0 {
			kept = append(kept, int(i))
			continue
		}
		if removed[p/32]&bits.RotateLeft32(1, p%32) != 0 {
			continue
		}
		kept = append(kept, int(i))
		row := overlaps[p*words : (p+1)*words]
		for w := p / 32; w < words; w++ {
			removed[w] |= uint32(row[w])
		}
	}
	return kept
}

// overlapsOn returns the bits of kernel.Suppression for boxes [n, 5].
func overlapsOn(d *tensor.Device, s kernel.Suppression, values []float32, threshold float64) []int32 {
	n := len(values) / 5
	if n == 0 {
		return nil
	}
	step := d.Scratch()
	defer step.End()
	all := make([]int32, n*((n+31)/32))
	k := engine.Kernels(d)
	found := k.AllocInts(len(all))
	defer k.Free(found)
	s.Overlaps(n, below(threshold), engine.Data(d.From(values, n, 5)), found)
	k.DownloadInts(all, found)
	return all
}

// below returns the largest float32 that is not above v: a float32 is above v if and only if it is above that.
func below(v float64) float32 {
	f := float32(v)
	if float64(f) > v {
		f = math.Nextafter32(f, float32(math.Inf(-1)))
	}
	return f
}
