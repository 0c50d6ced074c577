package train

import (
	"context"
	"errors"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/nn"
)

// enter opens the run folder and prepares the training. The lock is that of the process that writes to the folder: with ranks, rank 0.
func enter[B Batch](ctx context.Context, dir string, task *Task[B], c Config, o Options) (t *trainer[B], lock *run.Lock, err error) {
	ranks := o.Ranks
	device := nn.Params(task.Module)[0].Tensor.Device()
	wait, cancel := context.Background(), context.CancelFunc(func() {})
	if ranks != nil {
		wait, cancel = ranks.waiting()
	}
	defer cancel()
	var r *run.Run
	var from start
	begin := func() (err error) {
		open := run.Create
		if o.Resume {
			open = run.Open
		}
		if r, err = open(dir); err != nil {
			return err
		}
		if lock, err = r.Lock(); err != nil {
			return err
		}
		if from, err = origin(r, task.Model, o.Resume); err != nil {
			return err
		}
		return device.Exclusive(ctx, func() (err error) {
			t, err = prepare(r, task, c, from, o)
			return err
		})
	}
	if ranks == nil {
		return t, lock, begin()
	}
	defer func() {
		if err != nil && t != nil {
			t.leaveRanks()
			err = errors.Join(err, t.reunite(false))
		}
	}()
	if err := ranks.reach(wait, device); err != nil {
		return nil, nil, err
	}
	if err := ranks.same(wait, task.facts(c, o)); err != nil { // all have come so far, and rank 0 has not written anything
		return nil, nil, err
	}
	if err := task.shareSource(ranks); err != nil {
		return nil, nil, err
	}
	if o.connection, err = ranks.connect(ctx, device); err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			o.connection.abandon(&err)
		}
	}()
	if ranks.Rank() == 0 {
		err = begin()
	}
	if err := ranks.agree(wait, err); err != nil {
		return nil, lock, err
	}
	if err := ranks.sameFolder(wait, dir); err != nil {
		return nil, lock, err
	}
	if err := ranks.leaderSays(wait, &from); err != nil {
		return nil, lock, err
	}
	if ranks.Rank() > 0 {
		err = device.Exclusive(ctx, func() error {
			if r, err = run.Open(dir); err != nil {
				return err
			}
			t, err = follow(r, task, c, from, o)
			return err
		})
	}
	return t, lock, ranks.agree(wait, err)
}

// follow is prepare for the ranks that don't write to the run folder.
func follow[B Batch](r *run.Run, task *Task[B], c Config, from start, o Options) (*trainer[B], error) {
	if from == bareWeights {
		if _, err := r.LoadWeights(task.Model, task.Module); err != nil {
			return nil, err
		}
	}
	t, err := newTrainer(r, task, c, o)
	if err != nil {
		return t, err
	}
	t.from = from
	if from != checkpoint {
		return t, nil
	}
	if _, err := r.ReadWeights(task.Model); err != nil {
		t.lost = err
	}
	return t, t.resume()
}

// shareSource makes the source yield this rank's share of each batch.
func (t *Task[B]) shareSource(r *Ranks) error {
	return any(t.Source).(sharer).Share(r.Rank(), r.Size())
}

// joinRanks makes the training one of several ranks, if there are several.
func (t *trainer[B]) joinRanks(o Options) error {
	if t.ranks, t.connection = o.Ranks, o.connection; t.ranks == nil {
		t.optimizer.share(nil)
		if t.adversary != nil {
			t.adversary.share(nil)
		}
		return nil
	}
	shard := o.Shard
	if shard == "" {
		shard = ShardNone
	}
	sum := func(opt optimizer) *reducer {
		red := newReducer(t.ranks, o.connection.sums, shard, o.Reduce, &t.joint, opt.shared())
		opt.share(red)
		return red
	}
	t.reducers = append(t.reducers, sum(t.optimizer))
	if t.adversary != nil {
		t.reducers = append(t.reducers, sum(t.adversary))
	}
	t.rejoin()
	if shard != ShardParameters {
		return nil
	}
	for _, r := range t.reducers {
		d, err := newDivided(r)
		t.itinerary.all = append(t.itinerary.all, d)
		if err != nil {
			return err
		}
	}
	if t.average != nil {
		t.average.divide(t.optimizer.shared())
	}
	engine.Kernels(t.device).Features().Regions.Trim() // regions are no garbage, so they trigger no collection
	return nil
}

// rejoin makes losses and generators those of a rank.
func (t *trainer[B]) rejoin() {
	engine.SetGroup(t.device, punctual{t.ranks.group, t.ranks.timeout, &t.joint})
	t.shareGenerators(t.ranks.Rank(), t.ranks.Size())
}

// leaveRanks ends what rejoin has begun.
func (t *trainer[B]) leaveRanks() {
	if t.ranks != nil {
		engine.SetGroup(t.device, nil)
		t.shareGenerators(0, 1)
	}
}

func (t *trainer[B]) shareGenerators(rank, size int) {
	for _, g := range t.task.Generators {
		engine.ShareGenerator(g, rank, size)
	}
}

// leads reports whether this process writes to the run folder.
func (t *trainer[B]) leads() bool { return t.ranks == nil || t.ranks.Rank() == 0 }
