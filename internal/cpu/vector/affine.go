package vector

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// affineBlock is the number of maps whose exponentials are computed together. They stay in the L1 cache.
const affineBlock = 512

// affineScratch is the number of scratch numbers of a task: parameters and their gradients, or log-slopes and their exponentials.
const affineScratch = 4 * affineBlock

type affineMapJob struct {
	kernel.AffineMap
	simd                   *simd.Passes
	x, params, y, logSlope []float32
	scratch                []float32 // affineScratch numbers for each task
	perTask                int
}

// affineRows is the number of rows of a task. A map takes several times as long as an element of a pass.
func affineRows(a kernel.AffineMap) int { return max(1, grain/8/a.Cols) }

// affineRoom returns the scratch numbers of all tasks.
func (d *Device) affineRoom(a kernel.AffineMap) []float32 {
	d.scratch = resize(d.scratch, affineScratch*((a.Rows+affineRows(a)-1)/affineRows(a)))
	return d.scratch
}

// AffineMap implements kernel.AffineMaps.
func (d *Device) AffineMap(a kernel.AffineMap, x, params, y, logSlope kernel.Buffer) {
	run(d, a.Rows, affineRows(a), &d.jobs.affineMap,
		affineMapJob{a, d.simd, f32(x), f32(params), f32(y), f32(logSlope), d.affineRoom(a), affineRows(a)})
}

func (j *affineMapJob) chunk(lo, hi int) {
	scratch := row(j.scratch, lo/j.perTask, affineScratch)
	if dense(&j.AffineMap) {
		j.dense(lo*j.Cols, hi*j.Cols, scratch)
		return
	}
	rows := max(1, affineBlock/j.Cols)
	for ; lo < hi; lo += rows {
		for from := 0; from < j.Cols; from += affineBlock { // all columns at once, unless there are many
			j.block(lo, min(hi, lo+rows), from, min(j.Cols, from+affineBlock), scratch[:affineBlock], scratch[affineBlock:2*affineBlock])
		}
	}
}

// dense reports whether rows follow each other without a gap, so that all numbers are one row.
func dense(a *kernel.AffineMap) bool {
	return a.LdX == a.Cols && a.LdParams == 2*a.Cols && a.LdY == a.Cols && a.LdSlope == a.Cols
}

// dense computes numbers [lo, hi).
func (j *affineMapJob) dense(lo, hi int, scratch []float32) {
	maps := j.simd.AffineMap
	if j.Inverse {
		maps = j.simd.AffineMapInverse
	}
	for ; lo < hi; lo += affineBlock {
		n := min(hi-lo, affineBlock)
		t, u := scratch[:n], scratch[affineBlock:][:n]
		unzip(j.simd, j.params[2*lo:2*(lo+n)], t, u)
		maps(float32(1/j.Clip), j.x[lo:lo+n], t, u, j.y[lo:lo+n], j.logSlope[lo:lo+n])
	}
}

// unzip takes pairs apart.
func unzip(s *simd.Passes, pairs, first, second []float32) {
	s.Unzip(pairs, first, second)
	for i := len(first) &^ (simd.PairGroup - 1); i < len(first); i++ {
		first[i], second[i] = pairs[2*i], pairs[2*i+1]
	}
}

// zip puts pairs together.
func zip(s *simd.Passes, first, second, pairs []float32) {
	s.Zip(first, second, pairs)
	for i := len(first) &^ (simd.PairGroup - 1); i < len(first); i++ {
		pairs[2*i], pairs[2*i+1] = first[i], second[i]
	}
}

// block computes columns [from, to) of rows [lo, hi), at most affineBlock numbers.
func (j *affineMapJob) block(lo, hi, from, to int, s, e []float32) {
	n := affineLogScales(&j.AffineMap, j.params, lo, hi, from, to, s)
	j.simd.Unary[kernel.Exp](0, s[:n], e[:n])
	k := 0
	for r := lo; r < hi; r++ {
		x, y, logSlope := j.x[r*j.LdX+from:r*j.LdX+to], j.y[r*j.LdY+from:r*j.LdY+to], j.logSlope[r*j.LdSlope+from:r*j.LdSlope+to]
		params := j.params[r*j.LdParams+2*from : r*j.LdParams+2*to]
		for c, v := range x {
			if j.Inverse {
				y[c] = (v - params[2*c]) * e[k]
			} else {
				y[c] = v*e[k] + params[2*c]
			}
			logSlope[c] = s[k]
			k++
		}
	}
}

// affineLogScales writes the logarithms of the derivatives of columns [from, to) of rows [lo, hi) to s and returns how many they are.
func affineLogScales(a *kernel.AffineMap, params []float32, lo, hi, from, to int, s []float32) (n int) {
	inverseClip, sign := float32(1/a.Clip), float32(1)
	if a.Inverse {
		sign = -1
	}
	for r := lo; r < hi; r++ {
		params := params[r*a.LdParams+2*from : r*a.LdParams+2*to]
		for c := 1; c < len(params); c += 2 {
			u := params[c]
			s[n] = sign * u / (1 + max(u, -u)*inverseClip)
			n++
		}
	}
	return n
}

type affineMapGradJob struct {
	kernel.AffineMap
	simd                     *simd.Passes
	x, params, gy, gLogSlope []float32
	gx, gparams              []float32
	scratch                  []float32 // as in affineMapJob
	perTask                  int
}

// AffineMapGrad implements kernel.AffineMaps.
func (d *Device) AffineMapGrad(a kernel.AffineMap, x, params, gy, gLogSlope, gx, gparams kernel.Buffer) {
	run(d, a.Rows, affineRows(a), &d.jobs.affineMapGrad,
		affineMapGradJob{a, d.simd, f32(x), f32(params), f32(gy), f32(gLogSlope), f32(gx), f32(gparams), d.affineRoom(a), affineRows(a)})
}

func (j *affineMapGradJob) chunk(lo, hi int) {
	scratch := row(j.scratch, lo/j.perTask, affineScratch)
	if dense(&j.AffineMap) {
		j.dense(lo*j.Cols, hi*j.Cols, scratch)
		return
	}
	rows := max(1, affineBlock/j.Cols)
	for ; lo < hi; lo += rows {
		for from := 0; from < j.Cols; from += affineBlock {
			j.block(lo, min(hi, lo+rows), from, min(j.Cols, from+affineBlock), scratch[:affineBlock], scratch[affineBlock:2*affineBlock])
		}
	}
}

// dense computes the gradients of numbers [lo, hi).
func (j *affineMapGradJob) dense(lo, hi int, scratch []float32) {
	grads := j.simd.AffineMapGrad
	if j.Inverse {
		grads = j.simd.AffineMapInverseGrad
	}
	for ; lo < hi; lo += affineBlock {
		n := min(hi-lo, affineBlock)
		t, u, gt, gu := scratch[:n], scratch[affineBlock:][:n], scratch[2*affineBlock:][:n], scratch[3*affineBlock:][:n]
		unzip(j.simd, j.params[2*lo:2*(lo+n)], t, u)
		grads(float32(1/j.Clip), j.x[lo:lo+n], t, u, j.gy[lo:lo+n], j.gLogSlope[lo:lo+n], j.gx[lo:lo+n], gt, gu)
		zip(j.simd, gt, gu, j.gparams[2*lo:2*(lo+n)])
	}
}

func (j *affineMapGradJob) block(lo, hi, from, to int, s, e []float32) {
	n := affineLogScales(&j.AffineMap, j.params, lo, hi, from, to, s)
	j.simd.Unary[kernel.Exp](0, s[:n], e[:n])
	inverseClip, k := float32(1/j.Clip), 0
	for r := lo; r < hi; r++ {
		x, gx := j.x[r*j.LdX+from:r*j.LdX+to], j.gx[r*j.LdX+from:r*j.LdX+to]
		gy, gLogSlope := j.gy[r*j.LdY+from:r*j.LdY+to], j.gLogSlope[r*j.LdSlope+from:r*j.LdSlope+to]
		params, gparams := j.params[r*j.LdParams+2*from:r*j.LdParams+2*to], j.gparams[r*j.LdParams+2*from:r*j.LdParams+2*to]
		for c, v := range x {
			u := params[2*c+1]
			shrink := 1 / (1 + max(u, -u)*inverseClip)
			g := gy[c] * e[k] // of x
			gt, gs := gy[c], gLogSlope[c]+g*v
			if j.Inverse {
				gt, gs = -g, -gLogSlope[c]-g*(v-params[2*c])
			}
			gx[c], gparams[2*c], gparams[2*c+1] = g, gt, gs*shrink*shrink
			k++
		}
	}
}
