package main

import (
	"math"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// GoMLX's convolution is a plain loop on this backend, and its transposed convolution has no gradient. So the 4×4
// convolutions with stride 2 and padding 1 are computed as matrix products (space to depth): each 2×2 square of pixels
// becomes one pixel with four times the channels, on which the kernel is 2×2 with stride 1. Pictures are [N, H, W, C].

// down halves height and width.
func (m *scope) down(x *graph.Node, out int) *graph.Node {
	n, h, w, c := dims(x)
	h, w = h/2, w/2
	x = graph.Reshape(pad(x, 1, 1, 1, 1), n, h+1, 2, w+1, 2, c)
	x = graph.Reshape(graph.TransposeAllAxes(x, 0, 1, 3, 2, 4, 5), n, h+1, w+1, 4*c)
	var cells []*graph.Node
	for _, cell := range corners {
		cells = append(cells, crop(x, cell[0], cell[1], h, w))
	}
	x = graph.Reshape(graph.Concatenate(cells, -1), n*h*w, 16*c)
	return graph.Reshape(graph.MatMul(x, m.weight(1/math.Sqrt(16*float64(c)), 16*c, out)), n, h, w, out)
}

// up doubles height and width: a transposed convolution, the adjoint of down.
func (m *scope) up(x *graph.Node, out int) *graph.Node {
	n, h, w, c := dims(x)
	x = graph.Reshape(x, n*h*w, c)
	var sum *graph.Node
	for _, cell := range corners {
		y := graph.MatMul(x, m.weight(1/math.Sqrt(4*float64(c)), c, 4*out))
		y = pad(graph.Reshape(y, n, h, w, 4*out), cell[0], 1-cell[0], cell[1], 1-cell[1])
		if sum == nil {
			sum = y
		} else {
			sum = graph.Add(sum, y)
		}
	}
	y := graph.TransposeAllAxes(graph.Reshape(sum, n, h+1, w+1, 2, 2, out), 0, 1, 3, 2, 4, 5)
	return crop(graph.Reshape(y, n, 2*h+2, 2*w+2, out), 1, 1, 2*h, 2*w)
}

var corners = [][2]int{{0, 0}, {0, 1}, {1, 0}, {1, 1}}

func dims(x *graph.Node) (n, h, w, c int) {
	d := x.Shape().Dimensions
	return d[0], d[1], d[2], d[3]
}

// pad surrounds pictures with zeros; GoMLX's own Pad has no gradient.
func pad(x *graph.Node, top, bottom, left, right int) *graph.Node {
	n, h, w, c := dims(x)
	x = between(x, 1, zeros(x, n, top, w, c), zeros(x, n, bottom, w, c))
	h += top + bottom
	return between(x, 2, zeros(x, n, h, left, c), zeros(x, n, h, right, c))
}

// between concatenates before, x and after along an axis; each may be empty.
func between(x *graph.Node, axis int, before, after *graph.Node) *graph.Node {
	var parts []*graph.Node
	for _, part := range []*graph.Node{before, x, after} {
		if part.Shape().Dim(axis) > 0 {
			parts = append(parts, part)
		}
	}
	return graph.Concatenate(parts, axis)
}

func zeros(x *graph.Node, dims ...int) *graph.Node {
	return graph.Zeros(x.Graph(), shapes.Make(x.DType(), dims...))
}

func crop(x *graph.Node, top, left, h, w int) *graph.Node {
	return graph.Slice(x, graph.AxisRange(), graph.AxisRange(top, top+h), graph.AxisRange(left, left+w), graph.AxisRange())
}
