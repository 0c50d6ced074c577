package tensor

// share is the part of each batch that a generator draws for: this rank's of a training on several.
type share struct{ rank, size int }

// setShare makes g draw for a rank's share of each batch, which is divided into size equal shares: the numbers are those that one
// generator draws for these rows of the whole batch. A tensor that g draws has a row for each item of the share. size 1 ends it.
func (g *Generator) setShare(rank, size int) {
	if g.share = (share{rank, size}); size <= 1 {
		g.share = share{}
	}
}

// reserve is advance for a tensor of n numbers, of which a generator with a share skips those of the other ranks.
func (g *Generator) reserve(n int) (offset uint64) {
	if g.share.size == 0 {
		return g.advance(n)
	}
	return g.advance(n*g.share.size) + uint64(n*g.share.rank)
}

// aligned reports whether reserve of n numbers starts at a whole block of four, as the kernels need.
func (g *Generator) aligned(n int) bool { return g.share.size == 0 || n%4 == 0 }

// rows calls draw for each row of a whole batch, of which this rank has n: with the number of the row among the n, or −1 for a row
// of another rank. draw must draw the same in both cases, so that the rows of all ranks get the numbers that one rank would draw.
func (g *Generator) rows(n int, draw func(row int)) {
	first, all := n*g.share.rank, n*max(g.share.size, 1)
	for i := range all {
		if row := i - first; row >= 0 && row < n {
			draw(row)
		} else {
			draw(-1)
		}
	}
}
