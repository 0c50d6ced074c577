// Package bfloat16 rounds numbers that ranks send to each other to bfloat16, the upper half of a float32, and keeps what rounding
// takes off, so that it is sent later: error feedback (Seide et al., 2014, 1-Bit Stochastic Gradient Descent; Karimireddy et al., 2019,
// Error Feedback Fixes SignSGD). A constant that rounds away is then right on average over several sums.
//
// internal/cuda/bfloat16.cu computes the same on a GPU, to the bit. Kernels of the processor round weights by Bits.
package bfloat16

import "math"

// Round writes x + lost to to, rounded to the nearest bfloat16 and halves to even, and keeps what this takes off in lost.
func Round(to []uint16, x, lost []float32) {
	lost, to = lost[:len(x)], to[:len(x)]
	for i, v := range x {
		v += lost[i]
		to[i] = Bits(v)
		lost[i] = v - float(to[i])
	}
}

// Sum writes the sum of the ranks' parts, all of len(own) elements and one after the other, to own. It adds lost as well and clears it:
// a rank needs no rounding for what it adds up itself.
func Sum(own []float32, parts []uint16, lost []float32) {
	n := len(own)
	lost = lost[:n]
	for i := range own {
		sum := float32(0)
		for at := i; at < len(parts); at += n {
			sum += float(parts[at])
		}
		own[i], lost[i] = sum+lost[i], 0
	}
}

// Widen writes from to x as float32.
func Widen(x []float32, from []uint16) {
	for i, v := range from[:len(x)] {
		x[i] = float(v)
	}
}

// notANumber is what a GPU makes of NaN.
const notANumber = 0x7fff

// Bits returns the nearest bfloat16 number, of two the even one.
func Bits(v float32) uint16 {
	if v != v {
		return notANumber
	}
	b := math.Float32bits(v)
	return uint16((b + 0x7fff + b>>16&1) >> 16) // #nosec G115 -- the upper half
}

func float(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }
