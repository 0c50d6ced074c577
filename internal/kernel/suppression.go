package kernel

// Suppression is for devices that compare all pairs of boxes faster than the processor finds the pairs that may overlap.
type Suppression interface {
	// Overlaps compares n boxes [n, 5] with those after them: x0, y0, x1, y1 and the number of a group. bits (int32 [n, ⌈n/32⌉]) has
	// a row for each box. Bit j%32 of word j/32 of row i is set if j > i, both boxes have the same group, and their IoU is above the
	// threshold; the others are 0. All operations round to float32:
	//
	//	inter = max(width, 0)·max(height, 0)
	//	IoU = inter/((area + area) − inter)
	//
	// Boxes have a positive and finite area.
	Overlaps(n int, threshold float32, boxes, bits Buffer)
}
