//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"fmt"
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// These tests run each compiled variant of a kernel once, since random cases may miss some; also those that need more shared
// memory than the default limit.

// atPrecision runs f as a subtest for each precision.
func atPrecision(t *testing.T, f func(t *testing.T, p kernel.Precision)) {
	d := deviceToTest(t)
	defer d.SetPrecision(d.Precision())
	for p, a := range arithmetics {
		t.Run(a.name, func(t *testing.T) {
			d.SetPrecision(kernel.Precision(p))
			f(t, kernel.Precision(p))
		})
	}
}

// TestEveryTile computes products and convolutions in tiles of each size: partial tiles, and whole tiles with split-K.
func TestEveryTile(t *testing.T) {
	sizes, parts := tileSizes, splits
	d := deviceToTest(t)
	plans := func() { d.products.plans = nil } // the plans for other sizes of tiles are kept otherwise
	defer func() {
		tileSizes, splits = sizes, parts
		plans()
	}()
	atPrecision(t, func(t *testing.T, p kernel.Precision) {
		deep := 4 * arithmetics[p].step // enough for two parts
		whole := kernel.Conv{N: 1, H: 6, W: 5, C: 5, O: 6, OH: 3, OW: 3, KH: 3, KW: 3, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1, DilationH: 1, DilationW: 1, Groups: 1}
		split := kernel.Conv{N: deep / 64, H: 11, W: 11, C: deep / 8, O: deep / 8, OH: 9, OW: 9, KH: 3, KW: 3, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, Groups: 1}
		for i, size := range sizes {
			if size.tensor && !arithmetics[p].tensor {
				continue
			}
			tileSizes = sizes[i : i+1]
			for _, s := range []struct {
				parts, m, n, depth int
				kernel.Conv
			}{{1, 19, 21, 35, whole}, {2, size.m, size.n, deep, split}} {
				splits = []int{s.parts}
				plans()
				t.Run(fmt.Sprintf("%d×%d in %d", size.m, size.n, s.parts), func(t *testing.T) {
					compare(t, 5*tolerances[p], func(p *pair) {
						scale := 1 / math.Sqrt(float64(s.depth))
						g := kernel.Gemm{M: s.m, N: s.n, K: s.depth, LdA: s.depth, LdB: s.n, LdC: s.n}
						multiply(p.Device, inTiles, g, p.in(g.M*g.K, 1, 0), p.in(g.K*g.N, scale, 0), p.in(g.N, 1, 0), p.out(g.M*g.N))
						c := s.Conv
						pixels, results, weights := c.N*c.H*c.W*c.C, c.N*c.OH*c.OW*c.O, 9*c.C*c.O
						x, w, y := p.in(pixels, 1, 0), p.in(weights, scale, 0), p.in(results, scale, 0)
						p.Conv2d(c, x, w, kernel.Buffer{}, p.out(results))
						p.Conv2dBackwardInput(c, y, w, kernel.Buffer{}, p.out(pixels))
						p.Conv2dBackwardWeight(c, x, y, p.out(weights))
					})
					for k, plan := range d.products.plans {
						if plan.parts != s.parts {
							t.Errorf("%+v in %d parts", k, plan.parts)
						}
					}
				})
			}
		}
	})
}

// TestEveryHead computes attention for heads of each width of the tiled kernels, and for a wider head.
func TestEveryHead(t *testing.T) {
	atPrecision(t, func(t *testing.T, p kernel.Precision) {
		if p == kernel.Medium {
			t.Skip("the same as tf32")
		}
		for _, dim := range []int{30, 64, 128, 130} {
			t.Run(fmt.Sprint(dim), func(t *testing.T) {
				compare(t, 5*tolerances[p], func(p *pair) {
					const n = 34
					a := kernel.Attention{Batch: 1, Heads: 1, Dim: dim, Queries: n, Keys: n, Scale: 0.1}
					a.RowQ, a.RowK, a.RowV, a.RowY = dim, dim, dim, dim
					a.BatchQ, a.BatchK, a.BatchV, a.BatchY = n*dim, n*dim, n*dim, n*dim
					a.Mask = maskOf(p.Device, n, n, nil, func(query, key int) bool { return key <= query })
					q, k, v, gy := p.in(n*dim, 1, 0), p.in(n*dim, 1, 0), p.in(n*dim, 1, 0), p.in(n*dim, 1, 0)
					y, logSum := p.out(n*dim), p.out(n)
					p.Attention(a, q, k, v, kernel.Buffer{}, y, logSum)
					p.AttentionGrad(a, q, k, v, kernel.Buffer{}, y, logSum, gy, p.out(n*dim), p.out(n*dim), p.out(n*dim))
				})
			})
		}
	})
}

// TestWideHeads has heads for products instead of tiles: several of them, in parts of the sequences, and many rows of scores.
func TestWideHeads(t *testing.T) {
	most := mostScores
	defer func() { mostScores = most }()
	atPrecision(t, func(t *testing.T, precision kernel.Precision) {
		for _, size := range []struct{ batch, heads, n, dim, most int }{{3, 2, 10, 130, 2 * 10 * 10}, {4, 1, 34, 132, most}} {
			if size.most == most && precision != kernel.Highest {
				continue // the softmax of many rows is the same at each precision
			}
			mostScores = size.most
			compare(t, 20*tolerances[precision], func(p *pair) {
				width, tokens := size.heads*size.dim, size.batch*size.n
				a := kernel.Attention{Batch: size.batch, Heads: size.heads, Dim: size.dim, Queries: size.n, Keys: size.n, Scale: 1 / math.Sqrt(float64(size.dim))}
				a.RowQ, a.RowK, a.RowV, a.RowY = 3*width, 3*width, 3*width, width
				a.BatchQ, a.BatchK, a.BatchV, a.BatchY = 3*width*size.n, 3*width*size.n, 3*width*size.n, width*size.n
				qkv, gy := p.in(3*width*tokens, 1, 0), p.in(width*tokens, 1, 0)
				q, k, v := qkv, skip(qkv, width), skip(qkv, 2*width)
				y, logSum, g := p.out(width*tokens), p.out(size.heads*tokens), p.out(qkv.Len)
				p.Attention(a, q, k, v, kernel.Buffer{}, y, kernel.Buffer{})
				p.Attention(a, q, k, v, kernel.Buffer{}, y, logSum)
				p.AttentionGrad(a, q, k, v, kernel.Buffer{}, y, logSum, gy, g, skip(g, width), skip(g, 2*width))
			})
		}
	})
}

// TestEverySkinny computes skinny products of each number of rows, with both layouts of the large operand, and with depths of one
// part and of several.
func TestEverySkinny(t *testing.T) {
	for rows := 1; rows <= skinny; rows++ {
		for _, transposed := range []bool{false, true} {
			deepest := 1<<14 + 5
			if transposed {
				deepest = 1<<12 + 5 // parts are for the other layout; here a block sums the depth
			}
			for _, k := range []int{3, 700, deepest} {
				const columns = 9
				g := kernel.Gemm{M: rows, N: columns, K: k, TransB: transposed, LdA: k, LdB: columns, LdC: columns, Act: kernel.ActReLU}
				if transposed {
					g.LdB = k
				}
				t.Run(fmt.Sprintf("%d×%d×%d %v", rows, columns, k, transposed), func(t *testing.T) {
					compare(t, 1e-4, func(p *pair) {
						scale := 1 / math.Sqrt(float64(k))
						p.Gemm(g, p.in(rows*k, 1, 0), p.in(k*columns, scale, 0), p.in(columns, 1, 0), p.out(rows*columns))
					})
				})
			}
		}
	}
}
