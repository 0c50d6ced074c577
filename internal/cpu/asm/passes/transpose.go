package main

import "github.com/mmcloughlin/avo/operand"

// transposition writes the transposition of 8×8 blocks, by 8 floats at a time, and by 4 with NEON.
func transposition(g *gen) {
	rows, vector := 8, g.YMM
	if g.neon {
		rows, vector = 4, g.XMM
	}
	g.fn("TransposeBlocks", "(blocks int, x []float32, strideX int, y []float32, strideY int)",
		"transposes blocks of 8×8 numbers that follow each other down x and so along y: y[j, i] = x[i, j] for i < 8·blocks, j < 8.", func() {
			blocks, x, y := g.integer("blocks"), g.ptr("x"), g.ptr("y")
			strideX, strideY := g.integer("strideX"), g.integer("strideY")
			g.SHLQ(imm(2), strideX)
			g.SHLQ(imm(2), strideY)
			// row is the address of row r of 8, given the first, 4 rows on, and 3 strides.
			row := func(base, base4, stride, stride3 gp, r int) operand.Mem {
				m := operand.Mem{Base: base}
				if r >= 4 {
					m.Base = base4
				}
				switch r % 4 {
				case 1:
					m = m.Idx(stride, 1)
				case 2:
					m = m.Idx(stride, 2)
				case 3:
					m = m.Idx(stride3, 1)
				}
				return m
			}
			strideX3, strideY3, x4, y4 := g.GP64(), g.GP64(), g.GP64(), g.GP64()
			g.LEAQ(operand.Mem{Base: strideX}.Idx(strideX, 2), strideX3)
			g.LEAQ(operand.Mem{Base: strideY}.Idx(strideY, 2), strideY3)
			g.LEAQ(operand.Mem{Base: y}.Idx(strideY, 4), y4)
			g.times(blocks, func() {
				g.LEAQ(operand.Mem{Base: x}.Idx(strideX, 4), x4)
				// Four columns of x at a time, which become four rows of y: all eight need more than AVX2's 16 registers.
				for half := range 2 {
					for first := 0; first < 8; first += rows {
						var a, b, c [4]vec
						// With AVX2, rows r and r+4 side by side, so that all that follows stays within halves of registers.
						for i := range a {
							v := vector()
							at := row(x, x4, strideX, strideX3, first+i)
							at.Disp += 16 * half
							g.VMOVUPS(at, v.AsX())
							if rows == 8 {
								at = row(x, x4, strideX, strideX3, i+4)
								at.Disp += 16 * half
								g.VINSERTF128(imm(1), at, v, v)
							}
							a[i] = v
						}
						for i := 0; i < 4; i += 2 {
							b[i], b[i+1] = vector(), vector()
							g.VUNPCKLPS(a[i+1], a[i], b[i])
							g.VUNPCKHPS(a[i+1], a[i], b[i+1])
						}
						for i := range 2 {
							c[2*i], c[2*i+1] = vector(), vector()
							g.VUNPCKLPD(b[2+i], b[i], c[2*i])
							g.VUNPCKHPD(b[2+i], b[i], c[2*i+1])
						}
						for i, v := range c {
							at := row(y, y4, strideY, strideY3, 4*half+i)
							at.Disp += 4 * first
							g.VMOVUPS(v, at)
						}
					}
				}
				g.LEAQ(operand.Mem{Base: x}.Idx(strideX, 8), x)
				g.ADDQ(operand.I32(32), y)
				g.ADDQ(operand.I32(32), y4)
			})
		})
}
