package scaling

// network has what a collective operation over GPUs depends on.
type network struct {
	inside, between               float64 // bytes per second in each direction
	base, insideStep, betweenStep float64 // seconds: of an operation, of a step of a ring
}

func newNetwork(g GPU, l Link) network {
	return network{inside: g.NVLink, between: l.Rate, base: baseLatency, insideStep: insideLatency, betweenStep: betweenLatency}
}

// cost is what a collective operation takes.
type cost struct {
	seconds float64
	sent    float64 // bytes that each GPU sends
}

func (c cost) and(other cost) cost {
	return cost{seconds: c.seconds + other.seconds, sent: c.sent + other.sent}
}

// ring is an operation over n members in passes around a ring: one for a reduce-scatter or an all-gather, two for an all-reduce.
// In each of the n-1 steps of a pass, each member sends an n-th of the bytes.
func (w network) ring(bytes float64, n, passes int, rate, step float64) cost {
	if n == 1 {
		return cost{}
	}
	steps := float64(passes * (n - 1))
	sent := steps * bytes / float64(n)
	return cost{seconds: w.base + steps*step + sent/rate, sent: sent}
}

// levels divides GPUs into those of a machine and the machines.
func levels(gpus int) (inside, machines int) {
	inside = min(gpus, perMachine)
	return inside, gpus / inside
}

// half is a reduce-scatter, or an all-gather in the other order: inside of each machine, and of the parts between machines. Each GPU
// sends (N-1)/N of the bytes.
func (w network) half(bytes float64, gpus int) cost {
	inside, machines := levels(gpus)
	return w.ring(bytes, inside, 1, w.inside, w.insideStep).and(w.ring(bytes/float64(inside), machines, 1, w.between, w.betweenStep))
}

// allReduce is a reduce-scatter inside of each machine, an all-reduce of the parts between machines, and an all-gather inside. Each
// GPU sends 2(N-1)/N of the bytes.
func (w network) allReduce(bytes float64, gpus int) cost {
	inside, machines := levels(gpus)
	if machines == 1 {
		return w.ring(bytes, inside, 2, w.inside, w.insideStep)
	}
	within := w.ring(bytes, inside, 1, w.inside, w.insideStep)
	return within.and(w.ring(bytes/float64(inside), machines, 2, w.between, w.betweenStep)).and(within)
}
