//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"fmt"
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// rowProduct calls RowProduct on a GPU, and computes its definition in float64 on the CPU.
func rowProduct(p *pair, r kernel.RowProduct, x, w, bias, y kernel.Buffer) {
	if k := p.Features().Decoding; k != nil {
		k.RowProduct(r, x, w, bias, y)
		return
	}
	v := kernel.Slice[float64]
	for row := range r.Rows {
		in := append([]float64(nil), v(x)[row*r.In:(row+1)*r.In]...)
		for i := range in {
			if !r.Twin.IsNil() {
				in[i] = (in[i] + v(r.Twin)[row*r.In+i]) / 2
			}
		}
		if r.Norm {
			mean, variance := 0.0, 0.0
			for _, a := range in {
				mean += a / float64(r.In)
			}
			for _, a := range in {
				variance += (a - mean) * (a - mean) / float64(r.In)
			}
			for i, a := range in {
				in[i] = (a - mean) / math.Sqrt(variance+r.Eps)
				if !r.Gamma.IsNil() {
					in[i] = in[i]*v(r.Gamma)[i] + v(r.Beta)[i]
				}
			}
		}
		if !r.Inputs.IsNil() {
			inputs := v(r.Inputs)[row*r.Capacity*r.In:]
			copy(inputs[r.Position*r.In:], in)
			for i := range in {
				if from := int(r.Sources[i/(r.In/4)]); from < 0 {
					in[i] = 0
				} else {
					in[i] = inputs[from*r.In+i]
				}
			}
		}
		out := make([]float64, r.Width())
		for column := range out {
			if !bias.IsNil() {
				out[column] = v(bias)[column]
			}
			for i, a := range in {
				if r.TransW {
					out[column] += a * v(w)[column*r.In+i]
				} else {
					out[column] += a * v(w)[i*r.Width()+column]
				}
			}
		}
		for column := range r.Out {
			a := out[column]
			if r.Gated {
				b := out[r.Out+column]
				a *= b * math.Erfc(-b/math.Sqrt2) / 2
			}
			if !r.Scale.IsNil() {
				a = v(r.Residual)[row*r.Out+column] + v(r.Scale)[column]*a
			}
			v(y)[row*r.Out+column] = a
		}
	}
}

// TestRowProduct has each number of rows of a block and more, depths of several rounds, and all operands that may be fused.
func TestRowProduct(t *testing.T) {
	for i, r := range []kernel.RowProduct{
		{Rows: 1, In: 4, Out: 1}, {Rows: 1, In: 512, Out: 40}, {Rows: 2, In: 44, Out: 70}, {Rows: 3, In: 8, Out: 5}, {Rows: 9, In: 20, Out: 11},
		{Rows: 2, In: 3000, Out: 9}, {Rows: 16, In: 12, Out: 900},
	} {
		for kind, name := range []string{"across", "gated", "along"} {
			r.Gated, r.TransW = name == "gated", name == "along"
			around := 3*i + kind // selects the fused operands
			t.Run(fmt.Sprintf("%d×%d×%d %s", r.Rows, r.In, r.Out, name), func(t *testing.T) {
				if !deviceToTest(t).FasterRowProduct(r) {
					t.Fatal("is not supported")
				}
				compare(t, 5e-5, func(p *pair) {
					r := r
					x, w, y := p.in(r.Rows*r.In, 1, 3), p.in(r.In*r.Width(), 1/math.Sqrt(float64(r.In)), 0), p.out(r.Rows*r.Out)
					var bias kernel.Buffer
					if around%2 == 0 {
						bias = p.in(r.Width(), 1, 0)
					}
					if around%3 == 1 {
						r.Twin = p.in(r.Rows*r.In, 1, 1)
					}
					if around%4 != 0 {
						r.Norm, r.Eps = true, 1e-5
					}
					if around%4 > 1 {
						r.Gamma, r.Beta = p.in(r.In, 1, 0), p.in(r.In, 1, 0)
					}
					if around%4 == 3 {
						r.Capacity, r.Position, r.Sources = 9, 7, [4]int32{int32(around%9) - 1, 6, 7, -1}
						if r.Sources[0] > 7 {
							r.Sources[0] = 3
						}
						r.Inputs = p.in(r.Rows*r.Capacity*r.In, 1, 0)
					}
					if around%5 < 3 {
						r.Scale, r.Residual = p.in(r.Out, 1, 0), p.in(r.Rows*r.Out, 1, 0)
					}
					rowProduct(p, r, x, w, bias, y)
				})
			})
		}
	}
}

// TestRowProductAlone has products without fused operands, in each kernel.
func TestRowProductAlone(t *testing.T) {
	for _, rows := range []int{1, 2, 3} {
		for _, r := range []kernel.RowProduct{{}, {Gated: true}, {TransW: true}} {
			r.Rows, r.In, r.Out = rows, 40, 5
			t.Run(fmt.Sprintf("%d rows gated %t along %t", rows, r.Gated, r.TransW), func(t *testing.T) {
				compare(t, 5e-5, func(p *pair) {
					rowProduct(p, r, p.in(rows*r.In, 1, 0), p.in(r.In*r.Width(), 0.1, 0), kernel.Buffer{}, p.out(rows*r.Out))
				})
			})
		}
	}
}

// TestRowProductsSupported has products that are left to other kernels.
func TestRowProductsSupported(t *testing.T) {
	d := deviceToTest(t)
	for _, r := range []kernel.RowProduct{
		{Rows: mostDecoded + 1, In: 8, Out: 8}, {Rows: 4, In: 1 << 16, Out: 8}, {Rows: 1, In: 8, Out: 8, Gated: true, TransW: true},
	} {
		if d.FasterRowProduct(r) {
			t.Errorf("%+v is supported", r)
		}
	}
}

// TestAttendCached compares with a rotary embedding followed by attention, with and without a mask.
func TestAttendCached(t *testing.T) {
	for _, c := range []kernel.CachedAttention{
		{Batch: 1, Heads: 1, Dim: 4, Capacity: 1}, {Batch: 2, Heads: 3, Dim: 8, Pairs: 4, Capacity: 70, Position: 66},
		{Batch: 1, Heads: 2, Dim: 64, Pairs: 30, Capacity: 300, Position: 290}, {Batch: 3, Heads: 1, Dim: 7, Pairs: 2, Capacity: 5, Position: 2},
		{Batch: 1, Heads: 1, Dim: 5, Pairs: 1, Capacity: 1100, Position: 1090},
	} {
		for _, masked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%+v masked %t", c, masked), func(t *testing.T) { attendCached(t, c, masked) })
		}
	}
}

// attendCached compares one attention of TestAttendCached.
func attendCached(t *testing.T, c kernel.CachedAttention, masked bool) {
	t.Helper()
	compare(t, 2e-5, func(p *pair) {
		c, width := c, c.Heads*c.Dim
		c.Scale = 0.5
		n := c.Position + 1
		if masked {
			c.Mask = maskOf(p.Device, c.Capacity, c.Capacity, nil, func(query, key int) bool { return key <= query && key%3 != 1 })
		}
		qkv, y := p.in(c.Batch*3*width, 1, 0), p.out(c.Batch*width)
		cos, sin := p.in(c.Pairs, 1, 0), p.in(c.Pairs, 1, 0)
		keys, values := p.in(c.Batch*c.Capacity*width, 1, 0), p.in(c.Batch*c.Capacity*width, 1, 0)
		if k := p.Features().Decoding; k != nil {
			k.AttendCached(c, qkv, cos, sin, keys, values, y)
			return
		}
		turned := p.Alloc(qkv.Len)
		p.Rotary(kernel.Rotary{Batch: c.Batch, Tokens: 1, Groups: 3 * c.Heads, Dim: c.Dim, Pairs: c.Pairs}, cos, sin, qkv, turned)
		for i, to := range []kernel.Buffer{keys, values} {
			p.Copy(kernel.Strided{
				Rank: 2, Shape: kernel.Dims{c.Batch, width}, OffsetDst: c.Position * width, OffsetSrc: (1 + i) * width,
				StrideDst: kernel.Dims{c.Capacity * width, 1}, StrideSrc: kernel.Dims{3 * width, 1},
			}, to, turned)
		}
		p.Attention(kernel.Attention{
			Batch: c.Batch, Heads: c.Heads, Dim: c.Dim, Queries: 1, Keys: n, First: c.Position, Scale: c.Scale, Mask: c.Mask,
			RowQ: 3 * width, RowK: width, RowV: width, RowY: width,
			BatchQ: 3 * width, BatchK: c.Capacity * width, BatchV: c.Capacity * width, BatchY: width,
		}, turned, keys, values, kernel.Buffer{}, y, kernel.Buffer{})
	})
}
