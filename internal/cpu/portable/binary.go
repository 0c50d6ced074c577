package portable

import "github.com/bestiary-ml/bestiary/internal/kernel"

// Binary implements kernel.Elementwise.
func (d *Device[F]) Binary(op kernel.Binary, s kernel.Broadcast, a, b, y kernel.Buffer) {
	d.binary(op, s, Floats[F](a), Floats[F](b), Floats[F](y))
}

// binary is apart from Binary because its closures make s escape, which costs an allocation on entry.
func (d *Device[F]) binary(op kernel.Binary, s kernel.Broadcast, left, right, out []F) {
	if len(out) == 0 {
		return
	}
	if s.Rank == 0 { // one number: a row of one
		s.Rank, s.Shape[0] = 1, 1
	}
	inner := s.Shape[s.Rank-1]
	if s.Rank == 1 && s.StrideA[0] <= 1 && s.StrideB[0] <= 1 { // one long row: split it
		d.pool.For(inner, Grain, func(lo, hi int) {
			BinaryRow(op, left[lo*s.StrideA[0]:], s.StrideA[0], right[lo*s.StrideB[0]:], s.StrideB[0], out[lo:hi])
		})
		return
	}
	rows := len(out) / inner
	d.pool.For(rows, max(1, Grain/inner), func(lo, hi int) {
		for row := lo; row < hi; row++ {
			offsetA, offsetB := 0, 0
			for rest, dim := row, s.Rank-2; dim >= 0; dim-- {
				i := rest % s.Shape[dim]
				rest /= s.Shape[dim]
				offsetA += i * s.StrideA[dim]
				offsetB += i * s.StrideB[dim]
			}
			last := s.Rank - 1
			BinaryRow(op, left[offsetA:], s.StrideA[last], right[offsetB:], s.StrideB[last], out[row*inner:][:inner])
		}
	})
}

// BinaryRow sets row y = op(a, b); a stride of 0 repeats the operand's first number.
func BinaryRow[F Float](op kernel.Binary, a []F, strideA int, b []F, strideB int, y []F) {
	switch op {
	case kernel.Add:
		for i := range y {
			y[i] = a[i*strideA] + b[i*strideB]
		}
	case kernel.Sub:
		for i := range y {
			y[i] = a[i*strideA] - b[i*strideB]
		}
	case kernel.Mul:
		for i := range y {
			y[i] = a[i*strideA] * b[i*strideB]
		}
	case kernel.Div:
		for i := range y {
			y[i] = a[i*strideA] / b[i*strideB]
		}
	case kernel.Maximum:
		for i := range y {
			y[i] = max(a[i*strideA], b[i*strideB])
		}
	case kernel.Minimum:
		for i := range y {
			y[i] = min(a[i*strideA], b[i*strideB])
		}
	default:
		panic("portable: unknown binary function")
	}
}
