package train

import (
	"context"

	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// bucketElements is the least number of elements of a bucket but the last: 4 MB, which a network moves at its full speed.
var bucketElements = 1 << 20 // tests lower it

// reducer sums the gradients of the ranks, bucket by bucket, while the backward pass goes on (Li et al., 2020: PyTorch
// DistributedDataParallel). Buckets are started in a fixed order, so that the ranks' operations match; the order is that in which
// gradients become complete: the last parameters first.
type reducer struct {
	ranks   *Ranks
	sums    sums
	shard   Shard
	joint   *bool // losses exchange something with other ranks
	params  []nn.Param
	place   map[*tensor.Tensor]int // index in params
	device  *tensor.Device
	buckets []*bucket
	of      []*bucket // the bucket of each parameter
	at      []int     // its place in the bucket
	next    int       // first bucket that isn't started in this step
	has     []bool    // parameters that have a gradient on some rank, after exchange
	context context.Context
	cancel  context.CancelFunc
}

// bucket is consecutive memory for the gradients of some parameters.
type bucket struct {
	params  []int // their numbers, in the order of their memory
	offsets []int // of each of params
	filled  []bool
	left    int // of params whose gradient isn't there yet
	length  int // elements: a multiple of the number of ranks, and of twice this number with ReduceBfloat16

	sum     flat // the ranks' gradients, then their sum; where ranks divide gradients only from the first gradient to the sum
	own     flat // with shards: this rank's part of the sum
	lost    flat // with ReduceBfloat16: what rounding has taken off this rank's gradients, to be added to those of the next step
	pending comm.Pending

	// With ShardParameters, see divided.
	weights kernel.Buffer // where the parameters are, in the region of their block
	home    kernel.Buffer // this rank's part of them while they are away
	away    bool          // weights has no memory, or other numbers
}

// newReducer returns a reducer of the gradients of an optimizer's parameters.
func newReducer(r *Ranks, over sums, s Shard, as Reduce, joint *bool, g *gradients) *reducer {
	red := &reducer{ranks: r, sums: over, shard: s, joint: joint, params: g.params, place: g.place, device: g.device, of: make([]*bucket, len(g.params)), at: make([]int, len(g.params)), has: make([]bool, len(g.params))}
	var b *bucket
	for i := len(g.params) - 1; i >= 0; i-- {
		if b == nil || b.length >= bucketElements || s == ShardParameters && g.params[i].Block != g.params[i+1].Block {
			b = &bucket{}
			red.buckets = append(red.buckets, b)
		}
		if s == ShardParameters {
			b.length = aligned(b.length)
		}
		b.params, b.offsets, b.filled = append(b.params, i), append(b.offsets, b.length), append(b.filled, false)
		b.length += g.params[i].Tensor.Len()
		red.of[i], red.at[i] = b, len(b.params)-1
	}
	size, unit := r.Size(), r.Size()
	if as == ReduceBfloat16 {
		unit = 2 * size // GPUs handle pairs of bfloat16 numbers
	}
	for _, b := range red.buckets {
		b.length = (b.length + unit - 1) / unit * unit
		if as == ReduceBfloat16 {
			b.lost = over.rest(b.length)
		}
		if !s.dividesGradients() {
			b.sum = over.flat(engine.Kernels(red.device).Alloc(b.length))
		}
		if s.divides() {
			b.own = over.flat(engine.Kernels(red.device).Alloc(b.length / size))
		}
	}
	return red
}

// begin prepares a step.
func (r *reducer) begin() {
	r.context, r.cancel = r.ranks.within()
	r.next = 0
	for _, b := range r.buckets {
		b.left, b.pending = len(b.params), nil
		clear(b.filled)
	}
}

// ready takes the gradient of a parameter, which is complete.
func (r *reducer) ready(leaf *tensor.Tensor) {
	i, ok := r.place[leaf]
	if !ok {
		return
	}
	b := r.of[i]
	r.take(b, r.at[i])
	// Where losses exchange something, so may their backward passes, in the same queue. A rank whose share lacks what a loss needs, such
	// as objects, has some gradients later than others: so all buckets are started at the end.
	for !*r.joint && r.next < len(r.buckets) && r.buckets[r.next].left == 0 {
		if r.shard.dividesGradients() && r.next >= inFlight {
			r.release(r.buckets[r.next-inFlight])
		}
		r.start(r.buckets[r.next])
		r.next++
	}
}

// inFlight is the number of buckets that may be on their way where ranks divide gradients, whose memory is used again as soon as possible.
const inFlight = 2

// release waits for a bucket's sum, of which this rank keeps its part, and gives back the memory of the whole.
func (r *reducer) release(b *bucket) {
	if b.sum.data.IsNil() {
		return
	}
	if err := b.pending.Wait(); err == nil { // otherwise the operation may still use the memory
		engine.Give(r.device, b.sum.data)
	}
	b.sum = flat{}
}

// take moves the gradient of a parameter to its bucket, zeros if there is none.
func (r *reducer) take(b *bucket, at int) {
	i := b.params[at]
	leaf, k := r.params[i].Tensor, engine.Kernels(r.device)
	if b.sum.data.IsNil() {
		b.sum = r.sums.flat(engine.Take(r.device, b.length))
	}
	to := b.sum.data.Slice(b.offsets[at], leaf.Len())
	grad := leaf.Grad()
	if r.has[i] = grad != nil; grad == nil {
		k.Fill(to, 0)
	} else {
		k.Copy(kernel.Contiguous(leaf.Len()), to, engine.Data(grad))
		engine.DropGrad(leaf)
	}
	b.filled[at] = true
	b.left--
}

// start begins the sum of a bucket over the ranks.
func (r *reducer) start(b *bucket) {
	if r.shard.divides() {
		b.pending = r.sums.reduceScatter(r.context, b.own, b.sum, b.lost)
	} else {
		b.pending = r.sums.allReduce(r.context, b.sum, b.lost)
	}
}

// finish starts what is left and waits until all buckets are summed. A rank that has failed calls it, too: the others wait for it.
func (r *reducer) finish() error {
	defer r.cancel()
	for ; r.next < len(r.buckets); r.next++ {
		b := r.buckets[r.next]
		for at := range b.params {
			if !b.filled[at] {
				r.take(b, at)
			}
		}
		r.start(b)
	}
	for _, b := range r.buckets {
		if err := b.pending.Wait(); err != nil {
			return r.ranks.late(err, r.ranks.timeout)
		}
		if r.shard.dividesGradients() {
			r.release(b)
		}
	}
	return nil
}

// part returns the range of a bucket's elements that this rank updates.
func (r *reducer) part(b *bucket) (from, to int) {
	if !r.shard.divides() {
		return 0, b.length
	}
	n := b.length / r.ranks.Size()
	return n * r.ranks.Rank(), n * (r.ranks.Rank() + 1)
}

// grad returns the sum of the gradients of a piece; ok is false if no rank has one.
func (r *reducer) grad(p piece) (g kernel.Buffer, ok bool) {
	b := r.of[p.param]
	at := b.offsets[r.at[p.param]] + p.from
	if !r.has[p.param] {
		return g, false
	}
	if r.shard.divides() {
		from, _ := r.part(b)
		return b.own.data.Slice(at-from, p.n), true
	}
	return b.sum.data.Slice(at, p.n), true
}
