package comm

import "context"

// Group are the ranks of one training with the collective operations between them. All ranks call its methods in the same order,
// each from one goroutine at a time. Operations are made in the order of their calls. One whose context ends leaves the group unusable, and
// so does one that ends by a [*Silent].
type Group interface {
	Place() Place

	// AllReduce replaces x by the sum of the ranks' x, elementwise. All ranks get the same bits.
	AllReduce(ctx context.Context, x []float32) Pending
	// ReduceScatter sums the ranks' x elementwise. own gets this rank's part of the sum: of the Size parts of x, all of len(own)
	// elements, the one with the number of the rank.
	ReduceScatter(ctx context.Context, own, x []float32) Pending
	// AllReduceBfloat16 is AllReduce with half the bytes: what ranks send is rounded to bfloat16, and sums are formed in float32. lost, as
	// long as x, has what rounding has taken off x of earlier calls, which is added first; it gets what is taken off now. The length of x
	// is a multiple of Size.
	AllReduceBfloat16(ctx context.Context, x, lost []float32) Pending
	// ReduceScatterBfloat16 is ReduceScatter with half the bytes, as AllReduceBfloat16. The sum in own is not rounded.
	ReduceScatterBfloat16(ctx context.Context, own, x, lost []float32) Pending
	// AllGather fills all with the ranks' own, one after the other. own may be this rank's part of all.
	AllGather(ctx context.Context, all, own []float32) Pending

	// Gather returns the ranks' texts, all of the same length, one after the other.
	Gather(ctx context.Context, own []byte) ([][]byte, error)
	// Broadcast fills data of all ranks with that of rank root.
	Broadcast(ctx context.Context, data []byte, root int) error
	// Barrier returns when all ranks have called it.
	Barrier(ctx context.Context) error

	// Missing returns the ranks that haven't answered when the context ends. Call it after an operation that ended by its deadline: the other
	// ranks that waited for it call Missing, too. Nothing but Abort is possible afterwards.
	Missing(ctx context.Context) []int

	// Abort ends all ranks at once with an exit code. It doesn't return.
	Abort(code int)
	// Close leaves the group, once all ranks do.
	Close() error
}

// Result is a [Pending] whose end somebody else tells.
type Result struct{ end chan error }

// NewResult returns the result of an operation that hasn't ended.
func NewResult() *Result { return &Result{make(chan error, 1)} }

// End ends the operation. It is called once.
func (r *Result) End(err error) { r.end <- err }

// Wait implements [Pending].
func (r *Result) Wait() error {
	err := <-r.end
	r.end <- err // for the next Wait
	return err
}

// Pending is an operation that has been started. What it reads and writes belongs to it until Wait returns.
type Pending interface {
	// Wait returns when the operation has ended.
	Wait() error
}
