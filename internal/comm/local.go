package comm

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/bestiary-ml/bestiary/internal/bfloat16"
)

// Local returns groups of n ranks that are goroutines of this process, one for each. Tests train with them where there is no MPI.
func Local(n int) []Group {
	all := make([]Group, n)
	meeting := &meeting{size: n, changed: make(chan struct{})}
	for i := range n {
		l := &local{meeting: meeting, place: Place{Rank: i, Size: n, LocalRank: i, LocalSize: n, Launcher: "this process"}, jobs: make(chan func(), 1024)}
		go l.serve()
		all[i] = l
	}
	return all
}

// meeting is where the ranks of a process exchange what they have.
type meeting struct {
	mutex   sync.Mutex
	size    int
	here    []any         // what the ranks of the round that have come brought, by rank; nil: not yet
	last    []any         // of the round before
	changed chan struct{} // closed at the end of a round
}

// exchange returns what all ranks brought to the round, once all have come.
func (m *meeting) exchange(ctx context.Context, rank int, brought any) ([]any, error) {
	m.mutex.Lock()
	if m.here == nil {
		m.here = make([]any, m.size)
	}
	m.here[rank] = brought
	for _, b := range m.here {
		if b == nil {
			changed := m.changed
			m.mutex.Unlock()
			select {
			case <-changed:
				m.mutex.Lock()
				defer m.mutex.Unlock()
				return m.last, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
	defer m.mutex.Unlock()
	m.last, m.here = m.here, nil
	close(m.changed)
	m.changed = make(chan struct{})
	return m.last, nil
}

// local is one rank of a process.
type local struct {
	meeting *meeting
	place   Place
	jobs    chan func()
}

// serve makes the operations one after the other.
func (l *local) serve() {
	for job := range l.jobs {
		job()
	}
}

// start queues an operation: what a rank brings, and what it makes of what all brought. No rank changes what it has brought before
// all have read it: combine returns a function that does so after a second meeting.
func (l *local) start(ctx context.Context, brought any, combine func(all []any) (after func())) *Result {
	s := NewResult()
	l.jobs <- func() {
		all, err := l.meeting.exchange(ctx, l.place.Rank, brought)
		if err == nil {
			after := combine(all)
			if _, err = l.meeting.exchange(ctx, l.place.Rank, true); err == nil {
				after()
			}
		}
		s.End(err)
	}
	return s
}

func (l *local) Place() Place { return l.place }

func (l *local) AllReduce(ctx context.Context, x []float32) Pending {
	return l.start(ctx, x, func(all []any) func() {
		sum := make([]float32, len(x))
		for _, other := range all {
			add(sum, other.([]float32))
		}
		return func() { copy(x, sum) }
	})
}

func (l *local) ReduceScatter(ctx context.Context, own, x []float32) Pending {
	return l.start(ctx, x, func(all []any) func() {
		sum := make([]float32, len(own))
		for _, other := range all {
			add(sum, other.([]float32)[l.place.Rank*len(own):])
		}
		return func() { copy(own, sum) }
	})
}

func (l *local) AllGather(ctx context.Context, all, own []float32) Pending {
	return l.start(ctx, own, func(brought []any) func() {
		together := make([]float32, 0, len(all))
		for _, other := range brought {
			together = append(together, other.([]float32)...)
		}
		return func() { copy(all, together) }
	})
}

func (l *local) AllReduceBfloat16(ctx context.Context, x, lost []float32) Pending {
	n := len(x) / l.place.Size
	own := x[l.place.Rank*n:][:n]
	rounded := make([]uint16, n)
	reduced := l.sumBfloat16(ctx, own, x, lost, func() { bfloat16.Round(rounded, own, lost[l.place.Rank*n:][:n]) })
	gathered := l.start(ctx, rounded, func(brought []any) func() {
		together := make([]uint16, 0, len(x))
		for _, other := range brought {
			together = append(together, other.([]uint16)...)
		}
		return func() { bfloat16.Widen(x, together) }
	})
	return both{reduced, gathered}
}

// both are operations of which the second goes on from the first.
type both [2]Pending

func (b both) Wait() error { return errors.Join(b[0].Wait(), b[1].Wait()) }

func (l *local) ReduceScatterBfloat16(ctx context.Context, own, x, lost []float32) Pending {
	return l.sumBfloat16(ctx, own, x, lost, func() {})
}

// sumBfloat16 gives own the sum of this rank's part of what the ranks have rounded, and calls after.
func (l *local) sumBfloat16(ctx context.Context, own, x, lost []float32, after func()) Pending {
	rounded, n := make([]uint16, len(x)), len(own)
	bfloat16.Round(rounded, x, lost)
	return l.start(ctx, rounded, func(all []any) func() {
		var parts []uint16
		for _, other := range all {
			parts = append(parts, other.([]uint16)[l.place.Rank*n:][:n]...)
		}
		return func() {
			bfloat16.Sum(own, parts, lost[l.place.Rank*n:])
			after()
		}
	})
}

// add adds the first len(sum) elements of x.
func add(sum, x []float32) {
	for i := range sum {
		sum[i] += x[i]
	}
}

func (l *local) Gather(ctx context.Context, own []byte) (together [][]byte, err error) {
	err = l.start(ctx, own, func(all []any) func() {
		for _, other := range all {
			together = append(together, append([]byte(nil), other.([]byte)...))
		}
		return func() {}
	}).Wait()
	return together, err
}

func (l *local) Broadcast(ctx context.Context, data []byte, root int) error {
	return l.start(ctx, data, func(all []any) func() {
		from := append([]byte(nil), all[root].([]byte)...)
		return func() { copy(data, from) }
	}).Wait()
}

func (l *local) Barrier(ctx context.Context) error {
	return l.start(ctx, true, func([]any) func() { return func() {} }).Wait()
}

func (l *local) Missing(ctx context.Context) (missing []int) {
	<-ctx.Done()
	l.meeting.mutex.Lock()
	defer l.meeting.mutex.Unlock()
	for rank, b := range l.meeting.here {
		if b == nil {
			missing = append(missing, rank)
		}
	}
	return missing
}

func (l *local) Abort(code int) {
	panic(fmt.Sprintf("rank %d aborts with code %d", l.place.Rank, code))
}

func (l *local) Close() error {
	err := l.Barrier(context.Background())
	close(l.jobs)
	return err
}
