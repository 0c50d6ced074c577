package cpu

import (
	"fmt"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
	"pgregory.net/rapid"
)

func TestElementwiseAgainstPortable(t *testing.T) {
	c := newComparison(t)
	rapid.Check(t, func(t *rapid.T) {
		s, n := newSource(t), size(t, "n")
		op := kernel.Unary(rapid.IntRange(0, int(kernel.UnaryOpCount)-1).Draw(t, "function"))
		x, gy := s.positive(n), s.floats(n)
		c.run(t, fmt.Sprintf("Unary %d", op), 1e-5, []input{x}, []int{n}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.Unary(op, 0.3, in[0], out[0])
		})
		c.run(t, fmt.Sprintf("UnaryGrad %d", op), 1e-5, []input{x, gy}, []int{n}, func(d kernel.Device, in, out []kernel.Buffer) {
			x, y := in[0], in[0]
			if needsX, needsY := kernel.UnaryNeeds(op); !needsX {
				x = kernel.Buffer{}
			} else if !needsY {
				y = kernel.Buffer{}
			}
			d.UnaryGrad(op, 0.3, x, y, in[1], out[0])
		})
		c.run(t, "Fill", 1e-6, nil, []int{n}, func(d kernel.Device, _, out []kernel.Buffer) { d.Fill(out[0], 0.3) })
		act := kernel.Activation(rapid.IntRange(0, int(kernel.ActSigmoid)).Draw(t, "activation"))
		c.run(t, "ActivationGrad", 1e-5, []input{s.floats(n), gy}, []int{n}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.ActivationGrad(act, 0.2, in[0], in[1], out[0])
		})
		pair := kernel.PairLoss(rapid.IntRange(0, 1).Draw(t, "loss"))
		c.run(t, "PairLoss", 1e-5, []input{x, gy}, []int{1}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.PairLoss(pair, 0.5, 1/float64(n+1), in[0], in[1], out[0])
		})
		c.run(t, "PairLossGrad", 1e-5, []input{x, gy, s.floats(1)}, []int{n}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.PairLossGrad(pair, 0.5, 0.25, in[0], in[1], in[2], out[0])
		})
		c.run(t, "AddScaled and Lerp", 1e-5, []input{x, gy}, []int{n}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.Fill(out[0], 1)
			d.AddScaled(0.3, in[0], out[0])
			d.Lerp(0.1, in[1], out[0])
		})
	})
}

func TestBinaryAgainstPortable(t *testing.T) {
	c := newComparison(t)
	rapid.Check(t, func(t *rapid.T) {
		s := newSource(t)
		b := kernel.Broadcast{Rank: rapid.IntRange(0, 4).Draw(t, "rank")}
		n, sizeA, sizeB := 1, 1, 1
		for dim := b.Rank - 1; dim >= 0; dim-- {
			largest := 12
			if dim == b.Rank-1 {
				largest = []int{70, 40000}[rapid.IntRange(0, 9).Draw(t, "long")/9]
			}
			length := rapid.IntRange(1, largest).Draw(t, "length")
			if dim < b.Rank-1 && n*length > 50000 {
				length = 1
			}
			b.Shape[dim] = length
			n *= length
			if rapid.IntRange(0, 2).Draw(t, "a repeats") > 0 {
				b.StrideA[dim] = sizeA
				sizeA *= length
			}
			if rapid.IntRange(0, 2).Draw(t, "b repeats") > 0 {
				b.StrideB[dim] = sizeB
				sizeB *= length
			}
		}
		op := kernel.Binary(rapid.IntRange(0, int(kernel.BinaryOpCount)-1).Draw(t, "function"))
		c.run(t, fmt.Sprintf("Binary %d of %+v", op, b), 1e-6, []input{s.floats(sizeA), s.positive(sizeB)}, []int{n}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.Binary(op, b, in[0], in[1], out[0])
		})
		c.run(t, fmt.Sprintf("SumTo of %+v", b), 1e-3, []input{s.floats(n)}, []int{sizeA}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.SumTo(b, in[0], out[0])
		})
	})
}

func TestCopyAgainstPortable(t *testing.T) {
	c := newComparison(t)
	rapid.Check(t, func(t *rapid.T) {
		s := newSource(t)
		k := kernel.Strided{Rank: rapid.IntRange(1, 4).Draw(t, "rank")}
		order := rapid.Permutation([]int{0, 1, 2, 3}[:k.Rank]).Draw(t, "order of src")
		n := 1
		for dim := range k.Rank {
			k.Shape[dim] = rapid.IntRange(1, 40/k.Rank+4).Draw(t, "length")
			if rapid.IntRange(0, 9).Draw(t, "long") == 0 && n < 100 {
				k.Shape[dim] *= 17
			}
			n *= k.Shape[dim]
		}
		step := 1
		for dim := k.Rank - 1; dim >= 0; dim-- {
			k.StrideDst[dim] = step
			step *= k.Shape[dim]
		}
		k.OffsetSrc, k.OffsetDst = rapid.IntRange(0, 3).Draw(t, "offset"), rapid.IntRange(0, 3).Draw(t, "offset")
		step = 1
		for _, dim := range order {
			k.StrideSrc[dim] = step
			step *= k.Shape[dim] + rapid.IntRange(0, 1).Draw(t, "gap")
		}
		c.run(t, fmt.Sprintf("Copy %+v", k), 0, []input{s.floats(step + 3)}, []int{n + 6}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.Copy(k, out[0], in[0])
		})
	})
}

func TestGatherAgainstPortable(t *testing.T) {
	c := newComparison(t)
	rapid.Check(t, func(t *rapid.T) {
		s := newSource(t)
		rows, n := rowsAndColumns(t)
		count, inner := rapid.IntRange(1, 100).Draw(t, "indices"), rapid.SampledFrom([]int{1, 1, 5}).Draw(t, "inner")
		span := kernel.Span{Outer: rows, N: n, Inner: inner}
		index := s.labels(count, n)
		if rapid.Bool().Draw(t, "each once") {
			index.ints = index.ints[:0]
			for _, column := range s.Perm(n)[:min(n, count)] {
				index.ints = append(index.ints, int32(column))
			}
			count = len(index.ints)
		}
		c.run(t, fmt.Sprintf("Gather %d of %+v", count, span), 0, []input{s.floats(rows * n * inner), index}, []int{rows * count * inner},
			func(d kernel.Device, in, out []kernel.Buffer) { d.Gather(span, in[0], in[1], out[0]) })
		c.run(t, fmt.Sprintf("ScatterAdd %d to %+v", count, span), 1e-5, []input{s.floats(rows * count * inner), index}, []int{rows * n * inner},
			func(d kernel.Device, in, out []kernel.Buffer) { d.ScatterAdd(span, in[0], in[1], out[0]) })
	})
}

func TestSparseProductAgainstPortable(t *testing.T) {
	c := newComparison(t)
	rapid.Check(t, func(t *rapid.T) {
		s := newSource(t)
		p := kernel.Sparse{Rows: rapid.IntRange(1, 40).Draw(t, "rows"), Columns: rapid.IntRange(1, 30).Draw(t, "columns"), Width: rapid.IntRange(1, 80).Draw(t, "width")}
		begins, index := drawSparse(t, p)
		c.run(t, fmt.Sprintf("%+v", p), 1e-5, []input{begins, index, s.floats(len(index.ints)), s.floats(p.Columns * p.Width)}, []int{p.Rows * p.Width},
			func(d kernel.Device, in, out []kernel.Buffer) { d.SparseProduct(p, in[0], in[1], in[2], in[3], out[0]) })
	})
}

// drawSparse draws the beginnings of rows of up to ten terms, and their columns.
func drawSparse(t *rapid.T, p kernel.Sparse) (begins, index input) {
	begins.ints = []int32{0}
	for range p.Rows {
		for range rapid.IntRange(0, 10).Draw(t, "terms") {
			index.ints = append(index.ints, rapid.Int32Range(0, int32(p.Columns)-1).Draw(t, "column"))
		}
		begins.ints = append(begins.ints, int32(len(index.ints)))
	}
	return begins, index
}

func TestRandomAgainstPortable(t *testing.T) {
	c := newComparison(t)
	rapid.Check(t, func(t *rapid.T) {
		s, n := newSource(t), size(t, "n")
		key, offset := s.Uint64(), s.Uint64()
		if rapid.Bool().Draw(t, "the counter's lower half overflows") {
			offset = (s.Uint64()|(1<<32-1))*4 - s.Uint64N(uint64(4*n+4))
		}
		c.run(t, fmt.Sprintf("Uniform from %d", offset), 0, nil, []int{n}, func(d kernel.Device, _, out []kernel.Buffer) {
			d.Uniform(key, offset, out[0])
		})
		c.run(t, fmt.Sprintf("Normal from %d", offset), 1e-6, nil, []int{n}, func(d kernel.Device, _, out []kernel.Buffer) {
			d.Normal(key, offset, out[0])
		})
		c.run(t, fmt.Sprintf("Dropout from %d", offset), 1e-6, []input{s.floats(n)}, []int{n}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.Dropout(0.3, key, offset, in[0], out[0])
		})
	})
}
