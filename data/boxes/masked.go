package boxes

import "github.com/bestiary-ml/bestiary/data/mask"

// addMasked checks the mask of an object, and adds the object to a picture whose size is known. With around, its box is that
// around the mask. The mask is kept if the options ask for masks.
//
// Polygons without an inside or outside of the picture are left out; so is the object if nothing is left, or if no pixel is
// covered. Polygons that cross themselves stay, as there are many in COCO.
func (r *reading) addMasked(p *Picture, at mark, o Object, m *mask.Mask, around bool) {
	report := &r.set.Report
	if m.Runs == nil {
		var usable []mask.Polygon
		for i, polygon := range m.Polygons {
			if r.usable(p, at, i, polygon) {
				usable = append(usable, polygon)
			}
		}
		if len(usable) == 0 {
			report.add(BoxLeftOut, at, "the mask has no polygon that can be used; correct it")
			return
		}
		m = &mask.Mask{Polygons: usable}
	}
	pixels, err := m.RLE(p.Width, p.Height)
	if err != nil {
		report.add(BoxLeftOut, at, "the mask can't be used in a picture of %d×%d pixels: %v", p.Width, p.Height, err)
		return
	}
	if pixels.Area() == 0 {
		report.add(BoxLeftOut, at, "the mask covers no pixel; correct it")
		return
	}
	if around {
		x0, y0, x1, y1 := m.Bounds()
		o.Box = Box{x0, y0, x1, y1}.Clip(float64(p.Width), float64(p.Height))
	}
	if o.Area <= 0 {
		o.Area = float64(pixels.Area())
	}
	if r.masks {
		o.Mask = m
	}
	r.add(p, at, o)
}

// usable reports what is wrong with a polygon, and whether it can be used.
func (r *reading) usable(p *Picture, at mark, i int, polygon mask.Polygon) bool {
	report := &r.set.Report
	if err := polygon.Check(); err != nil {
		report.add(PolygonLeftOut, at, "polygon %d of the mask: %v", i+1, err)
		return false
	}
	x0, y0, x1, y1 := polygon.Extent()
	width, height := float64(p.Width), float64(p.Height)
	switch {
	case x1 <= 0 || y1 <= 0 || x0 >= width || y0 >= height:
		report.add(PolygonLeftOut, at, "polygon %d of the mask is outside of its picture of %d×%d pixels; correct it", i+1, p.Width, p.Height)
		return false
	case x0 < 0 || y0 < 0 || x1 > width || y1 > height:
		report.add(PolygonClipped, at, "polygon %d of the mask, in %v, is clipped to %d×%d pixels", i+1, Box{x0, y0, x1, y1}, p.Width, p.Height)
	}
	if polygon.Crosses() {
		report.add(PolygonCrosses, at, "polygon %d of the mask crosses itself; check its order of corners", i+1)
	}
	return true
}
