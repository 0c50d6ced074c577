package scaling

import "math"

// setup is what the simulation of a step is given.
type setup struct {
	layers     []layer
	stage      int     // of ZeRO
	gpus       int     // N
	batch      float64 // sequences of each GPU
	bucket     float64 // bytes of gradients that are sent together, at least; a layer is not divided
	rate       float64 // operations per second that a GPU reaches
	memoryRate float64 // bytes per second
	slow       float64 // time of the slowest GPU for the same work; 1 for none
	network    network
}

// timing is the outcome of a simulation.
type timing struct {
	seconds float64 // of the step
	compute float64 // of them, seconds in which the slowest GPU computes
	busy    float64 // seconds in which the link works
	sent    float64 // bytes that each GPU sends
}

// hidden is the share of the link's time during which the GPU computes; 1 if there is nothing to hide.
func (t timing) hidden() float64 {
	if t.busy == 0 {
		return 1
	}
	return max(0, 1-(t.seconds-t.compute)/t.busy) // rounding may exceed it
}

// simulation has two clocks: that of the GPU, and that of the link, on which operations queue.
type simulation struct {
	setup
	timing
	linkFree float64   // when the link has done all that is queued
	buckets  []float64 // bytes of gradients that were sent together
}

// simulate runs a step. All GPUs do the same, so one of them is followed, the slowest.
func simulate(s setup) timing {
	sim := &simulation{setup: s}
	last := len(s.layers) - 1
	sim.pass(func(k int) int { return k }, func(l layer) float64 { return l.forward }, func(int) {})
	pending := 0.0
	sim.pass(func(k int) int { return last - k }, func(l layer) float64 { return l.backward }, func(i int) {
		pending += gradientBytes * s.layers[i].parameters
		if pending >= s.bucket || i == 0 {
			sim.reduce(pending)
			pending = 0
		}
	})
	sim.seconds = max(sim.seconds, sim.linkFree)
	sim.update()
	return sim.timing
}

// pass computes the layers in an order. At stage 3, the weights of a layer are gathered while the one before it is computed; those
// that two layers share are kept between them.
func (s *simulation) pass(order func(k int) int, operations func(layer) float64, after func(i int)) {
	arrived := map[int]float64{}
	gather := func(k int) {
		if s.stage < 3 || k == len(s.layers) {
			return
		}
		w := s.layers[order(k)].weights
		if _, ok := arrived[w]; !ok {
			arrived[w] = s.queue(s.network.half(weightBytes*s.layers[w].parameters, s.gpus))
		}
	}
	gather(0)
	for k := range s.layers {
		l := s.layers[order(k)]
		s.seconds = max(s.seconds, arrived[l.weights])
		gather(k + 1)
		s.work(s.batch * operations(l) / s.rate)
		after(order(k))
	}
}

// reduce queues the sum of gradients: whole at stage 0, else each GPU gets the part that it updates.
func (s *simulation) reduce(bytes float64) {
	s.buckets = append(s.buckets, bytes)
	if s.stage == 0 {
		s.queue(s.network.allReduce(bytes, s.gpus))
	} else {
		s.queue(s.network.half(bytes, s.gpus))
	}
}

// update is Adam's, which memory bounds: of all parameters at stage 0, else of an N-th. At stages 1 and 2 all GPUs then gather
// what the others have updated, in the buckets of the gradients.
func (s *simulation) update() {
	parameters := 0.0
	for _, l := range s.layers {
		parameters += l.parameters
	}
	if s.stage == 0 {
		s.work(updateBytes * parameters / s.memoryRate)
		return
	}
	s.work(updateBytes * parameters / float64(s.gpus) / s.memoryRate)
	if s.stage == 3 {
		return
	}
	for _, bytes := range s.buckets {
		s.queue(s.network.half(bytes/gradientBytes*weightBytes, s.gpus))
	}
	s.seconds = max(s.seconds, s.linkFree)
}

// work lets the GPU compute.
func (s *simulation) work(seconds float64) {
	s.seconds += s.slow * seconds
	s.compute += s.slow * seconds
}

// queue lets the link do an operation after all that it was given before, and returns when it is done.
func (s *simulation) queue(c cost) float64 {
	s.linkFree = max(s.linkFree, s.seconds) + c.seconds
	s.busy += c.seconds
	s.sent += c.sent
	return s.linkFree
}

// slowest is the expected maximum of n standard normal variables, by Blom's approximation (1958). It is 0 for one.
func slowest(n int) float64 {
	p := (float64(n) - 0.375) / (float64(n) + 0.25)
	return math.Sqrt2 * math.Erfinv(2*p-1)
}
