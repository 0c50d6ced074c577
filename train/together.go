package train

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Divide makes pipelines on device d, and what package eval measures with them, divide their batches among the ranks, without a training.
// Each rank gets the results of all, which are those of one process to the bit. All ranks must make the same calls; one that doesn't come
// to a call within the timeout is an error of the others, a [*fault.RanksError].
func (r *Ranks) Divide(d *tensor.Device) error {
	if err := require.Device(d); err != nil {
		return err
	}
	engine.SetEvaluators(d, r.together(r.timeout))
	return nil
}

// Same returns an error if the ranks differ in a fact, such as a setting, by its name. The version of the program is one of the facts.
// All ranks must call it.
func (r *Ranks) Same(facts map[string]string) error {
	all := map[string]string{"version": version()}
	maps.Copy(all, facts)
	ctx, cancel := r.within()
	defer cancel()
	return r.same(ctx, all)
}

// SameBeginning is [Ranks.Same] for what decides how a training begins. Ranks whose launcher has no MPI can't exchange anything before their
// GPUs are joined: they compare the facts then, and [Ranks.Lead] or [Run] has the error.
func (r *Ranks) SameBeginning(facts map[string]string) error {
	if g, ok := r.group.(*deviceGroup); ok && g.peers == nil {
		g.beginning = facts
		return nil
	}
	return r.Same(facts)
}

// reach joins the devices of ranks that can exchange nothing before, and compares what they have kept for this. Other ranks are joined.
func (r *Ranks) reach(ctx context.Context, d *tensor.Device) error {
	g, ok := r.group.(*deviceGroup)
	if !ok {
		return nil
	}
	if err := g.reach(ctx, d); err != nil || g.beginning == nil {
		return err
	}
	facts := g.beginning
	g.beginning = nil
	return r.Same(facts)
}

// Lead calls f on rank 0 while the others wait, and returns its error on all. d is the device on which this rank trains: under a launcher
// without MPI, the ranks are joined by it. All ranks must call it.
func (r *Ranks) Lead(d *tensor.Device, f func() error) (err error) {
	if err := require.Device(d); err != nil {
		return err
	}
	wait, cancel := r.waiting()
	defer cancel()
	if err := r.reach(wait, d); err != nil {
		return err
	}
	if r.Rank() == 0 {
		err = f()
	}
	return r.agree(wait, err)
}

// evaluators is the group of ranks that evaluate and draw together. Its errors say who is late.
type evaluators struct {
	punctual
	ranks *Ranks
}

// together returns the group of ranks that wait so long for each other.
func (r *Ranks) together(timeout time.Duration) comm.Group {
	unused := false
	return evaluators{punctual{r.group, timeout, &unused}, r}
}

// Gather implements part of [comm.Group].
func (e evaluators) Gather(ctx context.Context, own []byte) ([][]byte, error) {
	all, err := e.punctual.Gather(ctx, own)
	if who := e.ranks.absent(err, e.timeout); who != "" {
		err = fmt.Errorf("%s; see what it says or whether its machine is there", who)
	}
	if err != nil {
		e.ranks.lost = err
	}
	return all, err
}
