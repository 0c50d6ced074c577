package tables

// twister is the Mersenne Twister MT19937 (Matsumoto & Nishimura, 1998) as numpy.random.RandomState uses it, to draw the same order
// of rows and the same noise as the code of Papamakarios et al. (2017).
type twister struct {
	state [624]uint32
	at    int
}

func newTwister(seed uint32) *twister {
	t := &twister{at: 624}
	for i := range t.state {
		t.state[i] = seed
		seed = 1812433253*(seed^seed>>30) + uint32(i) + 1
	}
	return t
}

func (t *twister) uint32() uint32 {
	if t.at == len(t.state) {
		for i := range t.state {
			y := t.state[i]&0x80000000 | t.state[(i+1)%624]&0x7fffffff
			t.state[i] = t.state[(i+397)%624] ^ y>>1 ^ (y&1)*0x9908b0df
		}
		t.at = 0
	}
	y := t.state[t.at]
	t.at++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

// float64 draws a uniform number from [0, 1) with 53 bits.
func (t *twister) float64() float64 {
	a, b := t.uint32()>>5, t.uint32()>>6
	return (float64(a)*67108864 + float64(b)) / 9007199254740992
}

// upTo draws a whole number from 0 to most.
func (t *twister) upTo(most uint32) uint32 {
	mask := most
	for _, s := range []int{1, 2, 4, 8, 16} {
		mask |= mask >> s
	}
	for {
		if v := t.uint32() & mask; v <= most {
			return v
		}
	}
}

// shuffled returns the order that RandomState.shuffle gives n rows.
func (t *twister) shuffled(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	for i := n - 1; i > 0; i-- {
		j := t.upTo(uint32(i))
		order[i], order[j] = order[j], order[i]
	}
	return order
}
