package mask

import (
	"cmp"
	"slices"
)

// edge is an edge of a polygon, from its left end to its right one.
type edge struct{ a, b Point }

// Crosses reports whether edges of the polygon cross, each from one side of the other to its other side. Edges that only touch do
// not.
func (p Polygon) Crosses() bool {
	edges := make([]edge, 0, len(p))
	for i, a := range p {
		b := p[(i+1)%len(p)]
		if b.X < a.X {
			a, b = b, a
		}
		edges = append(edges, edge{a, b})
	}
	slices.SortFunc(edges, func(e, f edge) int { return cmp.Compare(e.a.X, f.a.X) })
	for i, e := range edges {
		for _, f := range edges[i+1:] {
			if f.a.X > e.b.X {
				break
			}
			if e.crosses(f) {
				return true
			}
		}
	}
	return false
}

func (e edge) crosses(f edge) bool {
	if max(e.a.Y, e.b.Y) < min(f.a.Y, f.b.Y) || max(f.a.Y, f.b.Y) < min(e.a.Y, e.b.Y) {
		return false
	}
	return e.side(f.a)*e.side(f.b) < 0 && f.side(e.a)*f.side(e.b) < 0
}

// side returns 1 for a point on one side of the edge's line, −1 on the other, and 0 on it.
func (e edge) side(p Point) int {
	return cmp.Compare((e.b.X-e.a.X)*(p.Y-e.a.Y), (e.b.Y-e.a.Y)*(p.X-e.a.X))
}
