// Package philox is the counter-based generator Philox 4×32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers:
// as easy as 1, 2, 3", SC 2011).
//
// A key selects a stream and a counter selects a block of four numbers in it. There is no other state, so any part of a
// stream can be computed in parallel, on any device, with the same result.
package philox

import "math"

// Block returns the four 32-bit words of block counter of the stream named by key.
func Block(key, counter uint64) [4]uint32 {
	return Words(key, [4]uint32{uint32(counter), uint32(counter >> 32)})
}

// Words returns the four 32-bit words of a 128-bit counter.
func Words(key uint64, c [4]uint32) [4]uint32 {
	k0, k1 := uint32(key), uint32(key>>32)
	for range 10 {
		p0 := uint64(0xD2511F53) * uint64(c[0])
		p1 := uint64(0xCD9E8D57) * uint64(c[2])
		c = [4]uint32{uint32(p1>>32) ^ c[1] ^ k0, uint32(p1), uint32(p0>>32) ^ c[3] ^ k1, uint32(p0)}
		k0 += 0x9E3779B9
		k1 += 0xBB67AE85
	}
	return c
}

// Uniform returns block counter as uniform numbers in [0, 1), multiples of 2⁻²⁴.
func Uniform(key, counter uint64) [4]float32 {
	var u [4]float32
	for i, word := range Block(key, counter) {
		u[i] = float32(word>>8) * (1.0 / (1 << 24))
	}
	return u
}

// Normal returns block counter as standard normal numbers, by the Box–Muller transform (1958).
func Normal(key, counter uint64) [4]float32 {
	words := Block(key, counter)
	var z [4]float32
	for i := 0; i < 4; i += 2 {
		radius := math.Sqrt(-2 * math.Log((float64(words[i])+0.5)/(1<<32)))
		sin, cos := math.Sincos(2 * math.Pi * float64(words[i+1]) / (1 << 32))
		z[i], z[i+1] = float32(radius*cos), float32(radius*sin)
	}
	return z
}
