package train

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
)

// gradientsOfRanks sums the gradients of a step over the ranks, and the figures. A rank that fails takes part until all know it.
func (t *trainer[B]) gradientsOfRanks(step int, rate float64) error {
	sums := t.window.sums
	t.window.sums = Metrics{}
	for _, r := range t.reducers {
		r.begin()
		defer r.cancel()
	}
	failed := t.caught(func() error {
		return t.inBlocks(func() error { return t.gradients(step, rate) })
	})
	var lost *fault.RanksError
	if errors.As(failed, &lost) {
		return t.ranks.late(lost.Err, t.ranks.timeout)
	}
	if failed != nil && (t.joint || t.divides() || !t.stepped) { // the others may wait for what the loss exchanges: the caller must end them
		return failed
	}
	for _, r := range t.reducers {
		if err := r.finish(); err != nil {
			return errors.Join(failed, err)
		}
	}
	names := slices.Sorted(maps.Keys(t.window.sums))
	own := meeting{failed: failed != nil, interrupted: t.stop, names: crc32.ChecksumIEEE([]byte(strings.Join(names, " ")))}
	for _, name := range names {
		own.figures = append(own.figures, t.window.sums[name])
	}
	for _, r := range t.reducers {
		own.has = append(own.has, r.has...)
	}
	ctx, cancel := t.ranks.within()
	defer cancel()
	all, err := t.ranks.meet(ctx, own)
	if err != nil {
		return err
	}
	if all.failed {
		return t.ranks.agree(ctx, failed)
	}
	if all.mixed {
		return &agreed{fmt.Errorf("%s: step %d: the ranks' losses report different figures; their names must not depend on the batch", t.task.Model, step)}
	}
	t.stop, t.stepped = all.interrupted, true
	t.window.sums = sums
	for i, name := range names {
		t.window.sums[name] += all.figures[i] / float64(t.ranks.Size())
	}
	for _, r := range t.reducers {
		all.has = all.has[copy(r.has, all.has):]
	}
	return nil
}

// caught returns the error of f, or the failure of the device within it.
func (t *trainer[B]) caught(f func() error) (err error) {
	defer fault.Catch(&err)
	return f()
}

// gradNorm returns the norm of all gradients.
func (t *trainer[B]) gradNorm(o optimizer) (float64, error) { return t.norms(o, o.GradNorm()) }

// norms returns the norm of what ranks may have parts of, from that of this rank's part.
func (t *trainer[B]) norms(o optimizer, norm float64) (float64, error) {
	if !o.shared().divided() {
		return norm, nil
	}
	ctx, cancel := t.ranks.within()
	defer cancel()
	all, err := t.ranks.group.Gather(ctx, binary.LittleEndian.AppendUint64(nil, math.Float64bits(norm*norm)))
	if err != nil {
		return 0, t.ranks.late(err, t.ranks.timeout)
	}
	sum := 0.0
	for _, square := range all {
		sum += math.Float64frombits(binary.LittleEndian.Uint64(square))
	}
	return math.Sqrt(sum), nil
}

// spread makes the weights that each rank has updated known to all.
func (t *trainer[B]) spread() error {
	if t.ranks == nil || t.divides() {
		return nil
	}
	optimizers := []optimizer{t.optimizer}
	if t.adversary != nil {
		optimizers = append(optimizers, t.adversary)
	}
	for i, o := range optimizers {
		if g := o.shared(); g.divided() {
			if err := t.reducers[i].spread(g.data); err != nil {
				return err
			}
		}
	}
	return nil
}
