package drawn

import (
	"image"
	"image/draw"
	"math"

	"golang.org/x/image/vector"
)

// canvas is a square picture on which shapes are filled, one over the other. Shapes are polygons in the coordinates of the
// current transform. On the untransformed canvas (0, 0) is the upper left corner and (1, 1) the lower right one. Edges are
// antialiased by exact area coverage.
type canvas struct {
	size   int
	rgb    []float32 // [size, size, 3], 0 to 1
	to     affine    // from current coordinates to pixels
	clip   []uint8   // [size, size], coverage that multiplies fills if clips is set
	clips  bool
	raster vector.Rasterizer
	cover  image.Alpha
	points []point // of the shape being filled, in pixels
	extent *extent // of the shapes that are filled, if not nil; see measured
	dry    bool    // measure only
	mark   uint8   // what is noted in marks for pixels of which shapes cover half or more, if marks is not nil; nothing is painted then
	marks  []uint8 // [size, size]
}

// extent is the smallest rectangle around shapes, in pixels, beyond the canvas too.
type extent struct{ lo, hi point }

// measured returns the extent of what draw fills, without drawing it. What is clipped adds nothing: its clip is filled, too.
func (c *canvas) measured(draw func()) extent {
	e := extent{point{math.Inf(1), math.Inf(1)}, point{math.Inf(-1), math.Inf(-1)}}
	c.extent, c.dry = &e, true
	draw()
	c.extent, c.dry = nil, false
	return e
}

type point struct{ x, y float64 }

// affine maps (x, y) to (a·x + b·y + c, d·x + e·y + f).
type affine struct{ a, b, c, d, e, f float64 }

func (m affine) apply(p point) point {
	return point{m.a*p.x + m.b*p.y + m.c, m.d*p.x + m.e*p.y + m.f}
}

// after returns the map that applies n first and m after.
func (m affine) after(n affine) affine {
	return affine{
		m.a*n.a + m.b*n.d, m.a*n.b + m.b*n.e, m.a*n.c + m.b*n.f + m.c,
		m.d*n.a + m.e*n.d, m.d*n.b + m.e*n.e, m.d*n.c + m.e*n.f + m.f,
	}
}

// placed moves the origin to p, rotated by an angle (clockwise, as y points down) and scaled.
func placed(p point, angle, sx, sy float64) affine {
	sin, cos := math.Sincos(angle)
	return affine{cos * sx, -sin * sy, p.x, sin * sx, cos * sy, p.y}
}

func newCanvas(size int) *canvas {
	return &canvas{
		size: size,
		rgb:  make([]float32, size*size*3),
		clip: make([]uint8, size*size),
		cover: image.Alpha{
			Pix: make([]uint8, size*size), Stride: size, Rect: image.Rect(0, 0, size, size),
		},
	}
}

// reset prepares the canvas for another picture, whose first fill covers it.
func (c *canvas) reset() {
	s := float64(c.size)
	c.to, c.clips = affine{s, 0, 0, 0, s, 0}, false
}

// within draws in coordinates that m maps to the current ones.
func (c *canvas) within(m affine, draw func()) {
	outer := c.to
	c.to = outer.after(m)
	draw()
	c.to = outer
}

// clipped draws inside a shape only.
func (c *canvas) clipped(shape []point, draw func()) {
	if c.dry {
		return
	}
	clear(c.clip)
	if box, ok := c.rasterise(shape); ok {
		w := box.Dx()
		for y := range box.Dy() {
			copy(c.clip[(box.Min.Y+y)*c.size+box.Min.X:][:w], c.cover.Pix[y*c.size:][:w])
		}
	}
	c.clips = true
	draw()
	c.clips = false
}

// fill paints a shape.
func (c *canvas) fill(shape []point, p paint) {
	box, ok := c.rasterise(shape)
	if !ok {
		return
	}
	if c.marks != nil {
		c.note(box)
		return
	}
	shade := p.shader(c.to)
	for y := range box.Dy() {
		row := (box.Min.Y+y)*c.size + box.Min.X
		cover := c.cover.Pix[y*c.size:][:box.Dx()]
		for x, a := range cover {
			if a == 0 {
				continue
			}
			alpha := float32(a) / 255
			if c.clips {
				if c.clip[row+x] == 0 {
					continue
				}
				alpha *= float32(c.clip[row+x]) / 255
			}
			col := shade.at(float32(box.Min.X+x)+0.5, float32(box.Min.Y+y)+0.5)
			alpha *= col.a
			px := c.rgb[(row+x)*3:][:3]
			px[0] += (col.r - px[0]) * alpha
			px[1] += (col.g - px[1]) * alpha
			px[2] += (col.b - px[2]) * alpha
		}
	}
}

// note marks the pixels in a box of which the shape that was rasterised, and the clip, cover half or more.
func (c *canvas) note(box image.Rectangle) {
	for y := range box.Dy() {
		row := (box.Min.Y+y)*c.size + box.Min.X
		for x, a := range c.cover.Pix[y*c.size:][:box.Dx()] {
			if a >= 128 && !(c.clips && c.clip[row+x] < 128) {
				c.marks[row+x] = c.mark
			}
		}
	}
}

// rasterise writes the coverage of a shape to the upper left of c.cover and returns the part of the canvas that it covers.
func (c *canvas) rasterise(shape []point) (image.Rectangle, bool) {
	c.points = c.points[:0]
	lo, hi := point{math.Inf(1), math.Inf(1)}, point{math.Inf(-1), math.Inf(-1)}
	for _, p := range shape {
		p = c.to.apply(p)
		c.points = append(c.points, p)
		lo = point{min(lo.x, p.x), min(lo.y, p.y)}
		hi = point{max(hi.x, p.x), max(hi.y, p.y)}
	}
	if e := c.extent; e != nil {
		e.lo, e.hi = point{min(e.lo.x, lo.x), min(e.lo.y, lo.y)}, point{max(e.hi.x, hi.x), max(e.hi.y, hi.y)}
	}
	if c.dry {
		return image.Rectangle{}, false
	}
	box := image.Rect(int(math.Floor(lo.x)), int(math.Floor(lo.y)), int(math.Ceil(hi.x)), int(math.Ceil(hi.y)))
	box = box.Intersect(c.cover.Rect)
	if box.Empty() {
		return box, false
	}
	c.raster.Reset(box.Dx(), box.Dy())
	for i, p := range c.points {
		x, y := float32(p.x-float64(box.Min.X)), float32(p.y-float64(box.Min.Y))
		if i == 0 {
			c.raster.MoveTo(x, y)
		} else {
			c.raster.LineTo(x, y)
		}
	}
	c.raster.ClosePath()
	c.raster.DrawOp = draw.Src // overwrite the last shape
	c.raster.Draw(&c.cover, image.Rect(0, 0, box.Dx(), box.Dy()), image.Opaque, image.Point{})
	return box, true
}

// write stores the picture as bytes, RGB.
func (c *canvas) write(dst []uint8) {
	for i, v := range c.rgb {
		dst[i] = uint8(min(max(v, 0), 1)*255 + 0.5)
	}
}
