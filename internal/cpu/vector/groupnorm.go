package vector

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// groupNormJob normalises pictures, or computes the gradient. Each picture takes three phases: sums of chunks of pixels by channel,
// which settle combines to coefficients by channel, with which apply writes the result. Sums are in float32 within a chunk, and in
// float64 over chunks.
//
// With many pictures a task takes all phases of one, whose numbers are in the level-2 cache then. With few, a task takes a phase of
// one chunk. Both ways give the same result.
type groupNormJob struct {
	kernel.GroupNorm
	simd         *simd.Passes
	phase        groupPhase
	rows, chunks int // pixels of a chunk, chunks of a picture

	x, gamma, shift []float32 // gamma may be nil
	mean, rstd      []float32 // [Pictures, Groups]
	partial         []float32 // two rows for each chunk
	coefficients    []float32 // groupVectors rows for each picture

	y []float32 // the result; nil in the gradient

	gy, gx     []float32 // gx may be nil
	upstream   []float32 // gradient of the normalised, [Pictures, Pixels, Channels]: gx or gy
	parameters []float64 // gradients of gamma and beta for each picture
}

type groupPhase int

const (
	wholePictures groupPhase = iota // all phases
	sumChunks                       // sums of chunks
	applyChunks                     // results of chunks
)

// groupVectors is the number of vectors by channel that each picture has: mean, and the coefficients a, b and c. The result is
// a·(x − mean) + shift, and its gradient a·g + b·(x − mean) + c for the upstream gradient g.
const groupVectors = 4

func (d *Device) groupNormJob(g kernel.GroupNorm, x, gamma, beta, mean, rstd kernel.Buffer) groupNormJob {
	rows := min(max(1, g.Pixels), chunkRows, max(1, grain/g.Channels))
	chunks := (g.Pixels + rows - 1) / rows
	d.columns = resize(d.columns, 2*g.Pictures*chunks*g.Channels)
	d.vectors(g.Channels, groupVectors*g.Pictures+1)
	return groupNormJob{
		GroupNorm: g, simd: d.simd, rows: rows, chunks: chunks,
		x: f32(x), gamma: f32(gamma), shift: d.orFill(f32(beta), groupVectors*g.Pictures, g.Channels, 0), mean: f32(mean), rstd: f32(rstd),
		partial: d.columns, coefficients: d.scratch,
	}
}

// runGroupNorm runs all phases of j. Tasks are pictures if they keep all threads busy.
func (d *Device) runGroupNorm(j groupNormJob) {
	threads := d.pool.Threads()
	if j.Pictures%threads == 0 || j.Pictures >= 4*threads {
		j.phase = wholePictures
		run(d, j.Pictures, 1, &d.jobs.groupNorm, j)
		return
	}
	j.phase = sumChunks
	run(d, j.Pictures*j.chunks, 1, &d.jobs.groupNorm, j)
	for picture := range j.Pictures {
		j.settle(picture)
	}
	if j.phase = applyChunks; j.y != nil || j.gx != nil {
		run(d, j.Pictures*j.chunks, 1, &d.jobs.groupNorm, j)
	}
}

func (j *groupNormJob) chunk(lo, hi int) {
	for i := lo; i < hi; i++ {
		switch j.phase {
		case sumChunks:
			j.sum(i)
		case applyChunks:
			j.apply(i)
		default:
			j.picture(i)
		}
	}
}

// picture takes all phases of a picture.
func (j *groupNormJob) picture(picture int) {
	for i := range j.chunks {
		j.sum(picture*j.chunks + i)
	}
	j.settle(picture)
	for i := 0; i < j.chunks && (j.y != nil || j.gx != nil); i++ {
		j.apply(picture*j.chunks + i)
	}
}

// vector is vector number i of a picture.
func (j *groupNormJob) vector(picture, i int) []float32 {
	return row(j.coefficients, groupVectors*picture+i, j.Channels)
}

// pixels is the number of pixels of chunk i of its picture.
func (j *groupNormJob) pixels(i int) int { return min(j.rows, j.Pixels-i*j.rows) }

// in returns chunk i of x or another array of pictures; nil if that is absent.
func (j *groupNormJob) in(v []float32, i int) []float32 {
	if v == nil {
		return nil
	}
	picture, first := i/j.chunks, i%j.chunks
	return v[(picture*j.Pixels+first*j.rows)*j.Channels:][:j.pixels(first)*j.Channels]
}

func (j *groupNormJob) sum(chunk int) {
	n, first, second := j.pixels(chunk%j.chunks), row(j.partial, 2*chunk, j.Channels), row(j.partial, 2*chunk+1, j.Channels)
	x := j.in(j.x, chunk)
	if j.y == nil {
		j.gradientSums(chunk, n, x, first, second)
		return
	}
	j.simd.ColumnSums(n, x, first)
	j.simd.Unary[kernel.Scale](1/float32(n), first, first)
	j.simd.ColumnSquares(n, x, first, second)
}

func (j *groupNormJob) settle(picture int) {
	if j.y == nil {
		j.settleGradient(picture)
		return
	}
	width := j.Channels / j.Groups
	for g := range j.Groups {
		at := picture*j.Groups + g
		average, squares := j.moments(picture, g*width, (g+1)*width)
		scale := 1 / math.Sqrt(squares+j.Eps)
		j.mean[at], j.rstd[at] = float32(average), float32(scale)
	}
	j.setScales(picture)
}

// moments combines the means and squares of chunks for channels [from, to) of a picture, see batchStatistics.
func (j *groupNormJob) moments(picture, from, to int) (average, variance float64) {
	for i := range j.chunks {
		sum := 0.0
		for _, v := range row(j.partial, 2*(picture*j.chunks+i), j.Channels)[from:to] {
			sum += float64(v)
		}
		average += float64(j.pixels(i)) * sum
	}
	count := float64(j.Pixels * (to - from))
	average /= count
	for i := range j.chunks {
		at := 2 * (picture*j.chunks + i)
		squares := row(j.partial, at+1, j.Channels)[from:to]
		for c, v := range row(j.partial, at, j.Channels)[from:to] {
			deviation := float64(v) - average
			variance += float64(squares[c]) + float64(j.pixels(i))*deviation*deviation
		}
	}
	return average, variance / count
}

// setScales sets the vectors mean and a of a picture.
func (j *groupNormJob) setScales(picture int) {
	mean, scale, width := j.vector(picture, 0), j.vector(picture, 1), j.Channels/j.Groups
	for g := range j.Groups {
		at := picture*j.Groups + g
		for c := g * width; c < (g+1)*width; c++ {
			mean[c], scale[c] = j.mean[at], j.rstd[at]
			if j.gamma != nil {
				scale[c] *= j.gamma[c]
			}
		}
	}
}

func (j *groupNormJob) apply(chunk int) {
	picture, n := chunk/j.chunks, j.pixels(chunk%j.chunks)
	x, mean, scale := j.in(j.x, chunk), j.vector(picture, 0), j.vector(picture, 1)
	switch {
	case j.y == nil:
		j.simd.NormaliseGrad(n, x, j.in(j.upstream, chunk), mean, scale, j.vector(picture, 2), j.vector(picture, 3), j.in(j.gx, chunk))
	case j.SiLU:
		j.simd.NormaliseSiLU(n, x, mean, scale, j.shift, j.in(j.y, chunk))
	default:
		j.simd.Normalise(n, x, mean, scale, j.shift, j.in(j.y, chunk))
	}
}

// GroupNorm implements kernel.Normalisation.
func (d *Device) GroupNorm(g kernel.GroupNorm, x, gamma, beta, y, mean, rstd kernel.Buffer) {
	if y.Len == 0 {
		d.Device.GroupNorm(g, x, gamma, beta, y, mean, rstd)
		return
	}
	j := d.groupNormJob(g, x, gamma, beta, mean, rstd)
	j.y = f32(y)
	d.runGroupNorm(j)
}
