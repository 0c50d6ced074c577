package cpu

// firstActive is the first active column if the active ones follow each other, otherwise −1.
func (m *couplingMap) firstActive() int {
	for column, k := range m.rank {
		if k >= 0 {
			if last := column + m.Active - 1; last < len(m.rank) && int(m.rank[last]) == m.Active-1 {
				return column
			}
			break
		}
	}
	return -1
}

// active returns the active columns of x: where they follow each other in x itself, otherwise copied to scratch.
func (j *job) active(x, scratch []float32) []float32 {
	if j.last >= 0 {
		return x[j.last : j.last+j.coupling.Active]
	}
	scratch = scratch[:j.coupling.Active]
	for column, k := range j.coupling.rank {
		if k >= 0 {
			scratch[k] = x[column]
		}
	}
	return scratch
}

// settle writes the active columns back to x, where they were copied.
func (j *job) settle(active, x []float32) {
	if j.last >= 0 {
		return
	}
	for column, k := range j.coupling.rank {
		if k >= 0 {
			x[column] = active[k]
		}
	}
}

// overCouplingRows is overRows with n·Cols numbers of scratch for each row.
func (p *passes) overCouplingRows(m couplingMap, n int, j job, body func(j *job, lo, hi int)) {
	j.coupling, j.last = m, m.firstActive()
	p.scratch = resize(p.scratch, n*m.Rows*m.Cols)
	p.overRows(m.Rows, 8*m.Cols, j, body)
}

func (p *passes) couplingInput(m couplingMap, condition int, cond, x, y []float32) {
	p.overRows(m.Rows, m.Cols, job{coupling: m, last: m.firstActive(), size: condition, x: x, y: y, g: cond}, func(j *job, lo, hi int) {
		m := &j.coupling
		for r := lo; r < hi; r++ {
			x, y := row(j.x, r, m.Cols), row(j.y, r, j.size+m.Passive())
			copy(y[:j.size], j.g[r*j.size:])
			if y = y[j.size:]; j.last >= 0 {
				copy(y[copy(y, x[:j.last]):], x[j.last+m.Active:])
			} else {
				couplingInputRow(m.rank, x, y)
			}
		}
	})
}

func (p *passes) couplingInputGrad(m couplingMap, condition int, gy, gx []float32) {
	p.overRows(m.Rows, m.Cols, job{coupling: m, last: m.firstActive(), size: condition, gy: gy, gx: gx}, func(j *job, lo, hi int) {
		m := &j.coupling
		for r := lo; r < hi; r++ {
			gy, gx := row(j.gy, r, j.size+m.Passive())[j.size:], row(j.gx, r, m.Cols)
			if j.last < 0 {
				couplingInputGradRow(m.rank, gy, gx)
				continue
			}
			j.AddScaled(1, gy[:j.last], gx[:j.last])
			j.AddScaled(1, gy[j.last:], gx[j.last+m.Active:])
		}
	})
}

func (p *passes) couple(m couplingMap, x, st, before, y, logDet []float32) {
	j := job{x: x, s: st, t: before, y: y, g: logDet}
	p.overCouplingRows(m, 3, j, func(j *job, lo, hi int) {
		m := &j.coupling
		transform, sign := j.Coupling, float32(1)
		switch {
		case m.Inverse && m.Bounded:
			transform, sign = j.CouplingInverseBounded, -1
		case m.Inverse:
			transform, sign = j.CouplingInverse, -1
		case m.Bounded:
			transform = j.CouplingBounded
		}
		for r := lo; r < hi; r++ {
			x, y, st := row(j.x, r, m.Cols), row(j.y, r, m.Cols), row(j.s, r, 2*m.Active)
			scratch := row(j.scratch, r, 3*m.Cols)
			inOrder, changed := y, scratch[m.Cols:2*m.Cols]
			if m.order != nil {
				inOrder = scratch[:m.Cols]
			}
			copy(inOrder, x)
			if j.last >= 0 {
				changed = j.active(inOrder, nil)
			}
			changed = changed[:m.Active]
			j.g[r] = sign * float32(transform(j.active(x, scratch[2*m.Cols:]), st[:m.Active], st[m.Active:], changed))
			if j.t != nil {
				j.g[r] += j.t[r]
			}
			j.settle(changed, inOrder)
			if m.order != nil {
				j.GatherRow(m.order, inOrder, y)
			}
		}
	})
}

func (p *passes) coupleGrad(m couplingMap, x, st, y, gy, gLogDet, gx, gst []float32) {
	j := job{x: x, s: st, y: y, gy: gy, g: gLogDet, gx: gx, t: gst}
	if m.order != nil {
		if !p.invert(m.order, m.Cols) {
			panic("cpu: the order of a coupling's columns names one twice")
		}
		j.index = p.inverse
	}
	p.overCouplingRows(m, 6, j, func(j *job, lo, hi int) {
		m := &j.coupling
		transform := j.CouplingGrad
		switch {
		case m.Inverse && m.Bounded:
			transform = j.CouplingInverseBoundedGrad
		case m.Inverse:
			transform = j.CouplingInverseGrad
		case m.Bounded:
			transform = j.CouplingBoundedGrad
		}
		for r := lo; r < hi; r++ {
			scratch := row(j.scratch, r, 6*m.Cols)
			inOrder := func(v, scratch []float32) []float32 {
				if j.index == nil {
					return v
				}
				j.GatherRow(j.index, v, scratch[:m.Cols])
				return scratch[:m.Cols]
			}
			x, gx, gy := row(j.x, r, m.Cols), row(j.gx, r, m.Cols), inOrder(row(j.gy, r, m.Cols), scratch)
			y := x // which only the inverse reads
			if m.Inverse {
				y = inOrder(row(j.y, r, m.Cols), scratch[m.Cols:])
			}
			copy(gx, gy)
			down := scratch[2*m.Cols:][:m.Active]
			if j.last >= 0 {
				down = j.active(gx, nil)
			}
			st, gst := row(j.s, r, 2*m.Active), row(j.t, r, 2*m.Active)
			transform(j.g[r], j.active(x, scratch[3*m.Cols:]), st[:m.Active], j.active(y, scratch[4*m.Cols:]), j.active(gy, scratch[5*m.Cols:]),
				down, gst[:m.Active], gst[m.Active:])
			j.settle(down, gx)
		}
	})
}
