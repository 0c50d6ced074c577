package train

import (
	"context"
	"errors"
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
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%s within %v; see what it says or whether its machine is there", e.ranks.absent(), e.timeout)
	}
	return all, err
}
