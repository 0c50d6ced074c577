package bench

import "github.com/bestiary-ml/bestiary/internal/kernel"

// decodingCounter counts for kernel.Decoding.
type decodingCounter struct {
	kernel.Decoding
	c *counter
}

// RowProduct implements kernel.Decoding.
func (d decodingCounter) RowProduct(p kernel.RowProduct, x, w, bias, y kernel.Buffer) {
	d.c.flops += 2 * float64(p.Rows) * float64(p.In) * float64(p.Width())
	d.Decoding.RowProduct(p, x, w, bias, y)
}

// AttendCached implements kernel.Decoding.
func (d decodingCounter) AttendCached(a kernel.CachedAttention, qkv, cos, sin, keys, values, y kernel.Buffer) {
	d.c.flops += 2 * d.c.attentionFlops(kernel.Attention{
		Batch: a.Batch, Heads: a.Heads, Dim: a.Dim, Queries: 1, Keys: a.Position + 1, First: a.Position, Mask: a.Mask,
	})
	d.Decoding.AttendCached(a, qkv, cos, sin, keys, values, y)
}
