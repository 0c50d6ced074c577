package boxes

import "github.com/bestiary-ml/bestiary/data"

// Carry returns the objects after a transform of their picture: their boxes are moved and clipped. Objects of which less than
// the share visible of the area remains are left out; with 0, those of which nothing remains.
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
		o.Truncated = o.Truncated || clipped != moved
		o.Box = clipped
		all = append(all, o)
	}
	return all
}
