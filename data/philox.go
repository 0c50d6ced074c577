package data

import "github.com/bestiary-ml/bestiary/internal/philox"

// Philox is the counter-based generator Philox 4×32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy
// as 1, 2, 3", 2011) as a source for package math/rand/v2. Streams of one seed are independent, and each can be drawn without the
// others: so the order of an epoch depends on the epoch's number, not on the epochs before.
type Philox struct {
	seed    uint64
	counter [4]uint32 // block in the stream, purpose, stream
	buffer  [4]uint32
	used    int // words of buffer already returned
}

// NewPhilox returns a stream of a seed. Code that shares a seed with other code uses a purpose of its own.
func NewPhilox(seed uint64, purpose uint32, stream uint64) *Philox {
	p := new(Philox)
	p.reset(seed, purpose, stream)
	return p
}

func (p *Philox) reset(seed uint64, purpose uint32, stream uint64) {
	*p = Philox{seed: seed, counter: [4]uint32{0, purpose, uint32(stream), uint32(stream >> 32)}, used: 4}
}

// Uint64 returns the next 64 bits.
func (p *Philox) Uint64() uint64 {
	if p.used == 4 {
		p.buffer, p.used = philox.Words(p.seed, p.counter), 0
		p.counter[0]++
	}
	v := uint64(p.buffer[p.used]) | uint64(p.buffer[p.used+1])<<32
	p.used += 2
	return v
}
