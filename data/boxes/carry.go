package boxes

import "github.com/bestiary-ml/bestiary/data"

// Carry returns the objects after a transform of their picture: their boxes and masks are moved and clipped. The box of an object
// that is cut is no larger than what is left of its mask. Objects of which less than the share visible of the area of the box
// remains are left out; with 0, those of which nothing remains.
func Carry(objects []Object, m data.Map, visible float64) []Object {
	var all []Object
	for _, o := range objects {
		var moved Box
		moved.X0, moved.Y0, moved.X1, moved.Y1 = m.Box(o.Box.X0, o.Box.Y0, o.Box.X1, o.Box.Y1)
		clipped := moved.Clip(m.Width, m.Height)
		if clipped.Empty() || clipped.Area() < visible*moved.Area() {
			continue
		}
		if o.Area > 0 {
			o.Area *= m.ScaleX * m.ScaleY * clipped.Area() / moved.Area()
		}
		if o.Mask != nil {
			if o.Mask = o.Mask.Move(m); o.Mask == nil {
				continue
			}
			if clipped != moved {
				left, top, right, bottom := o.Mask.Bounds()
				if clipped = clipped.Intersect(Box{left, top, right, bottom}); clipped.Empty() {
					continue
				}
			}
		}
		o.Truncated = o.Truncated || clipped != moved
		o.Box = clipped
		all = append(all, o)
	}
	return all
}
