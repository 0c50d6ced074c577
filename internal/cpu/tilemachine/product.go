package tilemachine

import (
	"encoding/binary"
	"fmt"
	"math"
)

// product is TDPBF16PS: it adds to each number of tile c the dot product of a row of pairs of a and a column of pairs of b. As in
// the processor, first and second numbers of the pairs are summed separately, pair by pair, and the two sums are added at the end.
func (s *state) product(c, a, b int) error {
	refuse := func(why string) error { return fmt.Errorf("%v: #UD: %s", tdpBF16PS, why) }
	switch {
	case c == a || c == b || a == b:
		return refuse("its operands are not three tiles")
	case s.bytes(c)%4 != 0 || s.bytes(a)%4 != 0 || s.bytes(b)%4 != 0:
		return refuse("a row is not a whole number of pairs")
	case s.rows(a) != s.rows(c) || s.bytes(b) != s.bytes(c) || s.bytes(a)/4 != s.rows(b):
		return refuse(fmt.Sprintf("%d×%d is not the product of %d×%d and %d×%d", s.rows(c), s.bytes(c)/4,
			s.rows(a), s.bytes(a)/4, s.rows(b), s.bytes(b)/4))
	}
	depth, columns := s.bytes(a)/4, s.bytes(c)/4
	var right [maxRows][2 * maxBytes / 4]float32
	for k := range depth {
		for n := range columns {
			right[k][2*n], right[k][2*n+1] = halves(s.data[b][k][4*n:])
		}
	}
	for m := range s.rows(c) {
		var sums [2 * maxBytes / 4]float32
		for k := range depth {
			first, second := halves(s.data[a][m][4*k:])
			row := right[k][:2*columns]
			for n := 0; n+1 < len(row); n += 2 {
				sums[n] = multiplyAdd(first, row[n], sums[n])
				sums[n+1] = multiplyAdd(second, row[n+1], sums[n+1])
			}
		}
		for n := range columns {
			at := s.data[c][m][4*n:]
			old := normal(math.Float32frombits(binary.LittleEndian.Uint32(at)))
			sum := normal(old + normal(sums[2*n]+sums[2*n+1]))
			binary.LittleEndian.PutUint32(at, math.Float32bits(sum))
		}
	}
	return nil
}

// halves returns the two bfloat16 numbers of a pair.
func halves(pair []byte) (first, second float32) {
	bits := binary.LittleEndian.Uint32(pair)
	return normal(math.Float32frombits(bits << 16)), normal(math.Float32frombits(bits &^ 0xffff))
}

// multiplyAdd is x·y + sum, rounded once. float64 holds the product of bfloat16 numbers exactly, and the sum too, unless its terms
// are so far apart that the smaller one doesn't influence the rounding to float32.
func multiplyAdd(x, y, sum float32) float32 {
	return normal(float32(float64(x)*float64(y) + float64(sum)))
}

// normal flushes denormal numbers to zero.
func normal(x float32) float32 {
	if bits := math.Float32bits(x); bits&0x7f800000 == 0 {
		return math.Float32frombits(bits & 0x80000000)
	}
	return x
}
