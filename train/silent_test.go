package train

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// silencing is a group in which rank 2 falls silent.
type silencing struct {
	comm.Group
	silent bool
	calls  int // since then
}

func (s *silencing) err() error {
	s.calls++
	return &comm.Silent{Ranks: []int{2}, Time: 2 * time.Second}
}

func (s *silencing) Gather(ctx context.Context, own []byte) ([][]byte, error) {
	if s.silent {
		return nil, s.err()
	}
	return s.Group.Gather(ctx, own)
}

func (s *silencing) Barrier(context.Context) error { return s.err() }

// TestSilentRank has a rank fall silent while the others evaluate, or draw. They name it, and wait for nobody again.
func TestSilentRank(t *testing.T) {
	const want = "rank 2 doesn't answer within 2s; see what it says or whether its machine is there"
	for _, draws := range []bool{false, true} {
		c := ranksConfig(20)
		if draws {
			c.SampleEvery, c.EvalEvery = 10, 0
		}
		groups, devices := comm.Local(2), []*tensor.Device{openPortable(), openPortable()}
		var all [2]*silencing
		for i, g := range groups {
			all[i] = &silencing{Group: g}
			groups[i] = all[i]
		}
		errs, _ := trainOn(t, filepath.Join(t.TempDir(), "run"), devices, groups, false, c, Options{}, func(rank int, task *Task[RowBatch]) {
			d := nn.Params(task.Module)[0].Tensor.Device()
			task.Evaluate = func() (Metrics, error) {
				all[rank].silent = true
				return Metrics{"loss": 1}, nil
			}
			task.Samples = func(string) error {
				all[rank].silent = true
				_, err := ranks.Divide(d, 2, 1, func(int, int) ([]int, error) { return []int{1}, nil })
				return err
			}
		})
		for rank, err := range errs {
			if err == nil || Agreed(err) || strings.Count(err.Error(), want) != 1 || all[rank].calls != 1 {
				t.Errorf("drawing %v: rank %d, after %d calls: %v, want %q once", draws, rank, all[rank].calls, err, want)
			}
		}
	}
	g := &silencing{Group: comm.Local(3)[0]}
	if err := (&Ranks{group: g, timeout: time.Second}).Close(); err == nil || !strings.Contains(err.Error(), "at the end, rank 2 doesn't answer within 2s, so all are ended") {
		t.Errorf("at the end: %v", err)
	}
}
