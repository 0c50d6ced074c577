// Package vector computes the float32 kernels that pass over rows of numbers, with the assembly of internal/cpu/simd. These are all
// kernels but matrix products, convolutions and attention.
package vector

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/pool"
	"github.com/bestiary-ml/bestiary/internal/cpu/portable"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Device is the portable device with faster kernels in place of some of its own.
//
// A kernel describes its arguments as a job, which is split into chunks. Their size depends on the shapes only, and sums over
// chunks are added in order, in float64. So results don't depend on the number of threads.
type Device struct {
	*portable.Device[float32]
	simd *simd.Passes
	pool *pool.Pool

	// The job that runs, of count elements or rows, of which a task takes perTask.
	job            job
	count, perTask int
	runTask        func(task, worker int) // bound once: binding allocates

	partial      []float64     // sums by chunk
	angles       []float32     // see rotaryAngles
	columns      []float32     // sums by chunk and column
	scratch      []float32     // vectors by channel, or rows by task
	upstream     []float32     // gradient before SiLU, of a group norm whose input has none
	starts       []int         // of parameters among the chunks of all
	inverse      []int32       // of an index
	coefficients [][10]float32 // of Adam, by parameter
	jobs         jobs
}

// job computes elements or rows [lo, hi) of a kernel's result.
type job interface{ chunk(lo, hi int) }

// jobs has a place for each kind of job, so that running one allocates nothing.
type jobs struct {
	fill             fillJob
	unary            unaryJob
	unaryGrad        unaryGradJob
	addScaled        addScaledJob
	lerp             lerpJob
	addProduct       addProductJob
	squaredError     squaredErrorJob
	smoothL1         smoothL1Job
	squaredErrorGrad squaredErrorGradJob
	smoothL1Grad     smoothL1GradJob
	binary           binaryJob
	binaryRow        binaryRowJob

	sum          sumJob
	rows         rowReductionJob
	columns      columnReductionJob
	softmax      softmaxJob
	softmaxGrad  softmaxGradJob
	crossEntropy crossEntropyJob
	entropyGrad  crossEntropyGradJob

	statistics    statisticsJob
	normalise     normaliseJob
	gradSums      gradSumsJob
	normaliseGrad normaliseGradJob
	layerNorm     layerNormJob
	layerNormGrad layerNormGradJob
	groupNorm     groupNormJob
	windows       windowsJob
	maxPool       maxPoolJob
	sparse        sparseJob
	maxPoolGrad   maxPoolGradJob
	depthwise     depthwiseJob

	couplingInput     couplingInputJob
	couplingInputGrad couplingInputGradJob
	coupling          couplingJob
	couplingGrad      couplingGradJob
	spline            splineJob
	splineGrad        splineGradJob
	affineMap         affineMapJob
	affineMapGrad     affineMapGradJob

	transposition transpositionJob
	gather        gatherJob
	draw          drawJob
	dropout       dropoutJob
	adam          adamJob
	sumSquares    sumSquaresJob
	angles        rotaryAngles
	rotary        rotaryJob
	gatedGELU     gatedGELUJob
	gatedGELUGrad gatedGELUGradJob
}

// New returns a device with the passes of a kernel set.
func New(name string, passes *simd.Passes, p *pool.Pool) *Device {
	d := &Device{Device: portable.New[float32](name, p), simd: passes, pool: p}
	d.runTask = func(task, _ int) { d.job.chunk(task*d.perTask, min(d.count, (task+1)*d.perTask)) }
	return d
}

// grain is the number of elements of a chunk.
const grain = portable.Grain

// run computes n elements or rows of j, at most perTask in a chunk. place is where jobs of its kind lie while they run.
func run[J any, P interface {
	*J
	job
}](d *Device, n, perTask int, place P, j J) {
	if n == 0 {
		return
	}
	*place = j
	if n <= perTask {
		place.chunk(0, n)
	} else {
		d.job, d.count, d.perTask = place, n, perTask
		d.pool.Run((n+perTask-1)/perTask, d.runTask)
	}
	var none J
	*place = none // keeps no memory alive
}

// rowsPerTask is the number of rows of n elements in a chunk.
func rowsPerTask(n int) int { return max(1, grain/max(1, n)) }

// chunks returns room for a sum for each chunk of n elements.
func (d *Device) chunks(n int) []float64 {
	d.partial = resize(d.partial, (n+grain-1)/grain)
	return d.partial
}

// total adds up sums in order.
func total(sums []float64) (sum float64) {
	for _, v := range sums {
		sum += v
	}
	return sum
}

// resize returns v with n elements of any value, in the same memory if it is large enough.
func resize[T any](v []T, n int) []T {
	if cap(v) < n {
		return make([]T, n)
	}
	return v[:n]
}

// row returns row r of x, whose rows have n numbers.
func row[T any](x []T, r, n int) []T { return portable.Row(x, r, n) }

// f32 views a buffer as a slice.
func f32(b kernel.Buffer) []float32 { return kernel.Slice[float32](b) }

// ints views a buffer of indices as a slice.
func ints(b kernel.Buffer) []int32 { return kernel.Slice[int32](b) }

// Features implements kernel.Device.
func (d *Device) Features() kernel.Features {
	f := d.Device.Features()
	f.AffineMaps = d
	return f
}
