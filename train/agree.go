package train

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// RankFailed is the error of the ranks whose training ends because another rank has failed.
type RankFailed struct {
	Rank int
	Text string // the other rank's error
}

// Error implements error.
func (e *RankFailed) Error() string { return fmt.Sprintf("rank %d has failed: %s", e.Rank, e.Text) }

// Agreed reports whether all ranks know of an error, so that all of them end by themselves.
func Agreed(err error) bool {
	var a *agreed
	return errors.As(err, &a)
}

// agreed is an error that all ranks know of.
type agreed struct{ error }

func (a *agreed) Unwrap() error { return a.error }

// agree returns the errors of the ranks, of which err is this rank's: each rank its own if it has one, else that of the first that
// failed. It waits for all.
func (r *Ranks) agree(ctx context.Context, err error) error {
	if r == nil {
		return err
	}
	all, lost := r.texts(ctx, text(err))
	if lost != nil {
		if errors.Is(err, lost) {
			return err
		}
		return errors.Join(err, lost)
	}
	if err != nil {
		return &agreed{err}
	}
	for rank, t := range all {
		if t != "" {
			return &agreed{&RankFailed{rank, t}}
		}
	}
	return nil
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// texts returns the texts of all ranks.
func (r *Ranks) texts(ctx context.Context, own string) (all []string, err error) {
	if r.lost != nil { // nobody would come
		return nil, r.lost
	}
	began := time.Now()
	messages, err := comm.Exchange(ctx, r.group, []byte(own))
	if err != nil {
		return nil, r.late(err, time.Since(began).Round(time.Second))
	}
	for _, m := range messages {
		all = append(all, string(m))
	}
	return all, nil
}

// leaderSays gives all ranks a value of rank 0, in the form of JSON.
func (r *Ranks) leaderSays(ctx context.Context, value any) error {
	var own []byte
	var failed error
	if r.Rank() == 0 {
		own, failed = json.Marshal(value) // if it fails, the others get what is no JSON
	}
	all, err := r.texts(ctx, string(own))
	if err == nil && r.Rank() > 0 {
		err = json.Unmarshal([]byte(all[0]), value)
	}
	return errors.Join(failed, err)
}

// waiting returns a context for what rank 0 does alone while the others wait.
func (r *Ranks) waiting() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience*r.timeout)
}

// meeting is what the ranks tell each other after each step.
type meeting struct {
	failed, interrupted bool
	names               uint32 // checksum of the figures' names; mixed: they differ
	mixed               bool
	figures             []float64 // sums over the step's batches
	has                 []bool    // parameters with a gradient
}

// maxFigures bounds the figures of a step. Their number is not in the message, so that a rank that failed sends as much as others.
const maxFigures = 64

func (m *meeting) bytes() ([]byte, error) {
	if len(m.figures) > maxFigures {
		return nil, fmt.Errorf("a loss reports %d figures, and ranks exchange %d at most", len(m.figures), maxFigures)
	}
	b := []byte{bit(m.failed), bit(m.interrupted)}
	b = binary.LittleEndian.AppendUint32(b, m.names)
	for i := range maxFigures {
		v := 0.0
		if i < len(m.figures) {
			v = m.figures[i]
		}
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	packed := make([]byte, (len(m.has)+7)/8)
	for i, has := range m.has {
		packed[i/8] |= bit(has) << (i % 8)
	}
	return append(b, packed...), nil
}

func bit(on bool) byte {
	if on {
		return 1
	}
	return 0
}

// add takes another rank's message.
func (m *meeting) add(b []byte) {
	m.failed, m.interrupted = m.failed || b[0] != 0, m.interrupted || b[1] != 0
	m.mixed = m.mixed || binary.LittleEndian.Uint32(b[2:]) != m.names
	b = b[6:]
	for i := range m.figures {
		m.figures[i] += math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	b = b[8*maxFigures:]
	for i := range m.has {
		m.has[i] = m.has[i] || b[i/8]>>(i%8)&1 != 0
	}
}

// meet exchanges the messages of a step: failures and interruptions of any, sums of the figures, gradients that any has.
func (r *Ranks) meet(ctx context.Context, own meeting) (together meeting, err error) {
	message, err := own.bytes()
	if err != nil {
		return together, err
	}
	all, err := r.group.Gather(ctx, message)
	if err != nil {
		return together, r.late(err, r.timeout)
	}
	together = meeting{names: own.names, figures: make([]float64, len(own.figures)), has: make([]bool, len(own.has))}
	for _, m := range all {
		together.add(m)
	}
	return together, nil
}

// checkRanks returns a [*fault.FieldError] if a training can't be divided among the ranks.
func (t *Task[B]) checkRanks(o Options, c Config) error {
	r, s := o.Ranks, o.Shard
	if err := s.Validate(); err != nil {
		return err
	}
	if err := o.Reduce.Validate(); err != nil {
		return err
	}
	if r == nil {
		if s != "" && s != ShardNone {
			return fault.Field("Shard", s, "needs several ranks, and there is one; start the training by mpirun")
		}
		return nil
	}
	if _, _, err := data.ShareOf(c.Batch, r.Rank(), r.Size()); err != nil {
		return err
	}
	if s == ShardParameters {
		if err := regionsOf(nn.Params(t.Module)[0].Tensor.Device()); err != nil {
			return fault.Field("Shard", s, "can't be used here: %v; use gradients", err)
		}
	}
	if _, ok := any(t.Source).(sharer); !ok {
		return fault.Field("Source", nil, "can't be divided among ranks; give it a method Share, or train in one process")
	}
	return t.Joint
}

// regionsOf returns an error if a device has no memory that can be given back, for parameters.
func regionsOf(d *tensor.Device) error {
	regions := engine.Kernels(d).Features().Regions
	if regions == nil {
		return fmt.Errorf("memory of %s can't be given back at fixed addresses", d.Name())
	}
	return regions.Available()
}

// sharer is a [Source] whose batches divide.
type sharer interface {
	Share(rank, size int) error
}
