package detect

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tensor"
)

// ROIAlign reads a feature map in regions of interest (He et al., 2017): a region is cut into Size×Size bins, and a bin is the mean
// of points in it, each interpolated between the four places around it. It is torchvision's roi_align.
type ROIAlign struct {
	Size     int  // bins along each side
	Sampling int  // points along each side of a bin; 0: as many as the bin has places, rounded up
	Corners  bool // a bin is one point instead, and the first and last are the region's corners: TensorFlow's crop_and_resize
	Aligned  bool // the centre of a place is at one half, so regions are half a place further up and left; without it a region has at least one place
}

// Region is a region of a feature map.
type Region struct {
	Map     int // index of the map
	Picture int // index of the picture in the batch
	Box     Box // in pixels of the picture
}

// Map are the sizes of a feature map of a batch.
type Map struct {
	Grid
	Scale float64 // places for each pixel, 1/stride
}

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (a ROIAlign) Validate() error {
	switch {
	case a.Size < 1 || a.Size > 1<<10:
		return fault.Field("Size", a.Size, "must be 1 to %d", 1<<10)
	case a.Corners && (a.Sampling != 0 || a.Aligned):
		return fault.Field("Corners", a.Corners, "must be false with Sampling or Aligned")
	case a.Sampling < 0 || a.Sampling > 1<<6:
		return fault.Field("Sampling", a.Sampling, "must be 0 to %d", 1<<6)
	}
	return nil
}

// Features returns the bins [len(regions)·Size·Size, C] of regions in feature maps [N, H, W, C], by region, row and column. It has
// a gradient in the maps. scales are places for each pixel of a picture.
func (a ROIAlign) Features(maps []*tensor.Tensor, scales []float64, regions []Region) *tensor.Tensor {
	sizes, rows := make([]Map, len(maps)), make([]*tensor.Tensor, len(maps))
	for i, m := range maps {
		sizes[i] = Map{Grid{Height: m.Dim(1), Width: m.Dim(2)}, scales[i]}
		rows[i] = m.Reshape(m.Dim(0)*m.Dim(1)*m.Dim(2), m.Dim(3))
	}
	return a.Weights(sizes, maps[0].Dim(0), regions).MatMul(tensor.Concat(0, rows...))
}

// Weights returns the matrix whose product with the places of the maps, in order of map, picture, row and column, are the bins of
// regions. n is the number of pictures. It panics if a region is of a map or a picture that is not there, or not finite.
func (a ROIAlign) Weights(maps []Map, n int, regions []Region) *tensor.Sparse {
	first := make([]int, len(maps)+1) // column of each map's first place
	for i, m := range maps {
		first[i+1] = first[i] + n*m.Height*m.Width
	}
	s := &tensor.Sparse{Rows: len(regions) * a.Size * a.Size, Columns: first[len(maps)], Begins: []int32{0}}
	for _, r := range regions {
		if r.Map < 0 || r.Map >= len(maps) || r.Picture < 0 || r.Picture >= n || !r.Box.Finite() {
			panic(fmt.Sprintf("detect: a region %v of map %d in picture %d; there are %d maps of %d pictures", r.Box, r.Map, r.Picture, len(maps), n))
		}
		m := maps[r.Map]
		y, x := a.axis(r.Box.Y0, r.Box.Y1, m.Scale, m.Height), a.axis(r.Box.X0, r.Box.X1, m.Scale, m.Width)
		at := first[r.Map] + r.Picture*m.Height*m.Width
		for i := range a.Size {
			for j := range a.Size {
				a.bin(s, y[i], x[j], at, m.Width)
			}
		}
	}
	return s
}

// point is a point on an axis, between two places.
type point struct {
	low, high int
	weight    float32 // of high; low has the rest
	outside   bool    // it counts as 0
}

// axis returns the points of each bin of a side from low to high in pixels, on a map with as many places. Its numbers are float32,
// as in torchvision.
func (a ROIAlign) axis(low, high, scale float64, places int) [][]point {
	half := float32(0)
	if a.Aligned {
		half = 0.5
	}
	if a.Corners {
		return a.corners(low*scale, high*scale, places)
	}
	start, end := float32(float32(low)*float32(scale))-half, float32(float32(high)*float32(scale))-half
	length := end - start
	if !a.Aligned {
		length = max(length, 1)
	}
	count := a.Sampling
	if count == 0 {
		count = max(0, int(math.Ceil(float64(length/float32(a.Size)))))
	}
	bin := length / float32(a.Size)
	all := make([][]point, a.Size)
	for i := range all {
		for k := range count {
			v := start + float32(float32(i)*bin) + float32((float32(k)+0.5)*bin)/float32(count)
			all[i] = append(all[i], between(v, places))
		}
	}
	return all
}

// corners returns one point a bin, from low to high on the map; of a single bin, the middle.
func (a ROIAlign) corners(low, high float64, places int) [][]point {
	all := make([][]point, a.Size)
	for i := range all {
		share := 0.5
		if a.Size > 1 {
			share = float64(i) / float64(a.Size-1)
		}
		v := low + (high-low)*share
		if v < 0 || v > float64(places-1)+1e-3 { // the end of a region at the last place may be rounded beyond it
			all[i] = []point{{outside: true}}
		} else {
			all[i] = []point{between(float32(v), places)}
		}
	}
	return all
}

// between returns the places around v.
func between(v float32, places int) point {
	if v < -1 || v > float32(places) {
		return point{outside: true}
	}
	v = max(v, 0)
	low := int(v)
	if low >= places-1 {
		return point{low: places - 1, high: places - 1}
	}
	return point{low: low, high: low + 1, weight: v - float32(low)}
}

// bin appends the row of a bin with the points y×x to s. The picture's first place is column first.
func (a ROIAlign) bin(s *tensor.Sparse, y, x []point, first, width int) {
	add := func(row, column int, weight float32) {
		if weight != 0 {
			s.Index, s.Weights = append(s.Index, int32(first+row*width+column)), append(s.Weights, weight)
		}
	}
	share := 1 / float32(max(len(y)*len(x), 1))
	for _, p := range y {
		for _, q := range x {
			if !p.outside && !q.outside {
				add(p.low, q.low, (1-p.weight)*(1-q.weight)*share)
				add(p.low, q.high, (1-p.weight)*q.weight*share)
				add(p.high, q.low, p.weight*(1-q.weight)*share)
				add(p.high, q.high, p.weight*q.weight*share)
			}
		}
	}
	s.Begins = append(s.Begins, int32(len(s.Index)))
}
