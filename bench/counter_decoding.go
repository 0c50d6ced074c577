package bench

import "github.com/bestiary-ml/bestiary/internal/kernel"

// decodingCounter is a counter on a device with kernel.LinearGradients and kernel.Decoding.
type decodingCounter struct {
	linearCounter
	decoding kernel.Decoding
}

// FasterRowProduct implements kernel.Decoding.
func (c decodingCounter) FasterRowProduct(p kernel.RowProduct) bool {
	return c.decoding.FasterRowProduct(p)
}

// RowProduct implements kernel.Decoding.
func (c decodingCounter) RowProduct(p kernel.RowProduct, x, w, bias, y kernel.Buffer) {
	c.flops += 2 * float64(p.Rows) * float64(p.In) * float64(p.Width())
	c.decoding.RowProduct(p, x, w, bias, y)
}

// AttendCached implements kernel.Decoding.
func (c decodingCounter) AttendCached(a kernel.CachedAttention, qkv, cos, sin, keys, values, y kernel.Buffer) {
	c.flops += 2 * c.attentionFlops(kernel.Attention{
		Batch: a.Batch, Heads: a.Heads, Dim: a.Dim, Queries: 1, Keys: a.Position + 1, First: a.Position, Mask: a.Mask,
	})
	c.decoding.AttendCached(a, qkv, cos, sin, keys, values, y)
}

// Draw implements kernel.Decoding.
func (c decodingCounter) Draw(d kernel.Draw, logits, uniform, codes kernel.Buffer) {
	c.decoding.Draw(d, logits, uniform, codes)
}
