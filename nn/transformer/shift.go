package transformer

// shiftIndex describes the token shift of tokens of dim channels: a token takes some of its channels from other tokens. A token
// of text takes the first half from the token before it; a cell of the picture takes the first quarter from the cell above it
// and the second from the cell to its left. Channels without a source are zero. Halves and quarters are rounded up, as by
// DALLE-pytorch's Tensor.chunk.
//
// With x [B, n, D] seen as [B, parts·n, D/parts], entry j of the shifted sequence is entry index[j] of x, or zeros for −1. There
// are shiftParts(dim) parts.
func (g Geometry) shiftIndex(dim int) []int32 {
	parts := shiftParts(dim)
	width := dim / parts
	half, quarter := (dim+1)/2, (dim+3)/4
	index := make([]int32, parts*g.Len())
	for p := range g.Len() {
		row, column, image := g.cell(p)
		for part := range parts {
			channel, source := part*width, p
			switch {
			case !image && channel < half:
				source = p - 1
			case image && channel < quarter:
				if source = p - g.Width; row == 0 {
					source = -1
				}
			case image && channel < 2*quarter:
				if source = p - 1; column == 0 {
					source = -1
				}
			}
			index[parts*p+part] = -1
			if source >= 0 {
				index[parts*p+part] = int32(parts*source + part)
			}
		}
	}
	return index
}

// shiftParts returns into how many parts of equal width the token shift divides the channels: quarters or, where there are
// none, single channels.
func shiftParts(dim int) int {
	if dim%4 == 0 {
		return 4
	}
	return dim
}
