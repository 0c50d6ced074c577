// Package conv computes float32 convolutions and their gradients on the processor, in one of three ways: directly as products
// (implicit GEMM), by rows of the kernel for inputs or results of few channels, or by Winograd's minimal filtering.
package conv

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Engine computes convolutions, one at a time, with the parts of a gemm.Engine.
type Engine struct {
	*gemm.Engine
	workers []*worker

	// The job that runs.
	taps     []gemm.Tap
	padding  gemm.Padding
	col2im   col2imJob
	winograd winogradJob

	// The tasks of jobs, bound once: binding allocates.
	runCol2im                            func(task, worker int)
	runWinogradWeights, runWinogradTiles func(task, worker int)
	runWinogradImages, runWinogradSums   func(task, worker int)
	runWinogradCollect                   func(task, worker int)

	transformed []float32 // weights for Winograd's algorithm, unless they are kept
	zeros       []float32 // a pixel outside an image
	kernel      []float32 // reversed, for few outputs
	weights     []float32 // of groups that are computed as one
}

// worker is the scratch memory of a worker.
type worker struct {
	*gemm.Worker
	addition      simd.Addition
	sum           []float32 // a padded image, to which contributions are added
	contributions []float32 // see col2imJob
	winograd      winogradWorker
}

// New returns an engine that computes convolutions with the products of another one.
func New(g *gemm.Engine) *Engine {
	p := &Engine{Engine: g}
	for _, w := range g.Workers {
		p.workers = append(p.workers, &worker{Worker: w})
	}
	p.runCol2im = p.col2imTask
	p.runWinogradWeights, p.runWinogradTiles = p.winogradWeightsTask, p.winogradTilesTask
	p.runWinogradImages, p.runWinogradSums = p.winogradImagesTask, p.winogradSumsTask
	p.runWinogradCollect = p.winogradCollectTask
	return p
}

// start prepares for a convolution of the operands, until stop.
func (p *Engine) start(c kernel.Conv, operands ...[]float32) {
	p.Begin(operands...)
	p.taps = p.taps[:0]
	if n := max(c.C, c.O); len(p.zeros) < n {
		p.zeros = make([]float32, n)
	}
}

// stop forgets the operands.
func (p *Engine) stop() {
	p.padding, p.col2im = gemm.Padding{}, col2imJob{}
	p.End()
}

// Forward implements kernel.Products' Conv2d.
func (p *Engine) Forward(c kernel.Conv, x, w, bias, y []float32) {
	c, w = p.merge(c, w)
	p.start(c, x, w, bias, y)
	defer p.stop()
	if f, worth := p.chooseWinograd(c); worth {
		p.winogradForward(c, f, x, w, bias, y)
	} else if p.fewChannels(c) {
		p.forwardFewChannels(c, x, w, bias, y)
	} else if p.fewOutputs(c) {
		p.forwardFewOutputs(c, x, w, bias, y)
	} else {
		p.directForward(c, x, w, bias, y)
	}
}

// BackwardInput implements kernel.Products' Conv2dBackwardInput.
func (p *Engine) BackwardInput(c kernel.Conv, gy, w, bias, gx []float32) {
	c, w = p.merge(c, w)
	p.start(c, gy, w, bias, gx)
	defer p.stop()
	if f, worth := p.chooseWinograd(c); worth {
		p.winogradBackwardInput(c, f, gy, w, bias, gx)
	} else if p.fewChannels(c) {
		p.backwardInputFewChannels(c, gy, w, bias, gx)
	} else if p.fewOutputs(c) {
		p.backwardInputFewOutputs(c, gy, w, bias, gx)
	} else {
		p.directBackwardInput(c, gy, w, bias, gx)
	}
}

// BackwardWeight implements kernel.Products' Conv2dBackwardWeight.
func (p *Engine) BackwardWeight(c kernel.Conv, x, gy, gw []float32) {
	if _, groups := p.merged(c); groups > 1 {
		p.backwardWeightGroups(c, x, gy, gw)
		return
	}
	p.start(c, x, gy, nil, gw)
	defer p.stop()
	if f, worth := p.chooseWinogradWeight(c); worth {
		p.winogradBackwardWeight(c, f, x, gy, gw)
	} else if p.fewChannels(c) {
		p.backwardWeightFewChannels(c, x, gy, gw)
	} else if p.fewOutputs(c) {
		p.backwardWeightFewOutputs(c, x, gy, gw)
	} else {
		p.directBackwardWeight(c, x, gy, gw)
	}
}
