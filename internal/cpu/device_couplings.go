package cpu

import "github.com/bestiary-ml/bestiary/internal/kernel"

// couplingRows is the number of rows of a coupling that a task takes.
func couplingRows(c kernel.Coupling) int { return max(1, grain/8/max(c.Cols, 1)) }

// CouplingInput implements kernel.Couplings.
func (d *Device[F]) CouplingInput(c kernel.Coupling, condition int, cond, x, y kernel.Buffer) {
	if d.passes != nil {
		d.passes.couplingInput(newCouplingMap(c), condition, f32(cond), f32(x), f32(y))
		return
	}
	rank, conds, in, out, width := ints(c.Rank), floats[F](cond), floats[F](x), floats[F](y), condition+c.Passive()
	d.pool.For(c.Rows, couplingRows(c), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			y := row(out, r, width)
			if condition > 0 {
				copy(y, row(conds, r, condition))
			}
			couplingInputRow(rank, row(in, r, c.Cols), y[condition:])
		}
	})
}

// CouplingInputGrad implements kernel.Couplings.
func (d *Device[F]) CouplingInputGrad(c kernel.Coupling, condition int, gy, gx kernel.Buffer) {
	if d.passes != nil {
		d.passes.couplingInputGrad(newCouplingMap(c), condition, f32(gy), f32(gx))
		return
	}
	rank, up, down, width := ints(c.Rank), floats[F](gy), floats[F](gx), condition+c.Passive()
	d.pool.For(c.Rows, couplingRows(c), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			couplingInputGradRow(rank, row(up, r, width)[condition:], row(down, r, c.Cols))
		}
	})
}

// Coupling implements kernel.Couplings.
func (d *Device[F]) Coupling(c kernel.Coupling, x, st, before, y, logDet kernel.Buffer) {
	m := newCouplingMap(c)
	if d.passes != nil {
		d.passes.couple(m, f32(x), f32(st), f32(before), f32(y), f32(logDet))
		return
	}
	in, params, sofar, out, sums := floats[F](x), floats[F](st), floats[F](before), floats[F](y), floats[F](logDet)
	d.pool.For(c.Rows, couplingRows(c), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			sums[r] = couplingRow(&m, row(in, r, c.Cols), row(params, r, 2*c.Active), row(out, r, c.Cols))
			if sofar != nil {
				sums[r] += sofar[r]
			}
		}
	})
}

// CouplingGrad implements kernel.Couplings.
func (d *Device[F]) CouplingGrad(c kernel.Coupling, x, st, y, gy, gLogDet, gx, gst kernel.Buffer) {
	m := newCouplingMap(c)
	if d.passes != nil {
		d.passes.coupleGrad(m, f32(x), f32(st), f32(y), f32(gy), f32(gLogDet), f32(gx), f32(gst))
		return
	}
	in, params, out := floats[F](x), floats[F](st), floats[F](y)
	up, upDet, down, downParams := floats[F](gy), floats[F](gLogDet), floats[F](gx), floats[F](gst)
	d.pool.For(c.Rows, couplingRows(c), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			couplingGradRow(&m, row(in, r, c.Cols), row(params, r, 2*c.Active), row(out, r, c.Cols), row(up, r, c.Cols), upDet[r],
				row(down, r, c.Cols), row(downParams, r, 2*c.Active))
		}
	})
}
