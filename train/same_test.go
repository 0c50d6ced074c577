package train

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestRanksSame has ranks that differ in facts: all name the same one, which the others follow from.
func TestRanksSame(t *testing.T) {
	lead := map[string]string{"model.dim": "32", "parameters": "5", "weights": "checksum 1", "--from": "runs/a", modelFact: "clip", precisionFact: "high"}
	for want, others := range map[string]map[string]string{
		"rank 1 has 64 for model.dim where rank 0 has 32;":                    {"model.dim": "64", "parameters": "9", "weights": "checksum 2"},
		"rank 1 has nothing for --from where rank 0 has runs/a;":              {"model.dim": "64", "parameters": "5", "weights": "checksum 1", "--from": ""},
		"for weights where rank 0 has checksum 1; start all ranks with the s": {"weights": "checksum 2"},
		"rank 1 has dalle for the model where rank 0 has clip;":               {modelFact: "dalle", "--from": ""},
		"and devices of different kinds with the highest precision":           {precisionFact: "highest", "weights": "checksum 2"},
		"rank 1 trains with other settings":                                   {"of rank 1 only": "1"},
	} {
		errs := together(comm.Local(2), func(rank int, g comm.Group) error {
			r := &Ranks{group: g, timeout: 20 * time.Second}
			facts := maps.Clone(lead)
			if rank == 1 {
				maps.Copy(facts, others)
			}
			return r.Same(facts)
		})
		for rank, err := range errs {
			if err == nil || !Agreed(err) || !strings.Contains(err.Error(), want) {
				t.Errorf("rank %d: %v, want %q", rank, err, want)
			}
		}
	}
}

// TestRanksFacts checks that the model and the precision are among what ranks compare.
func TestRanksFacts(t *testing.T) {
	task, _ := toyTask(t, false)
	if facts := task.facts(ranksConfig(3), Options{}); facts[modelFact] != task.Model || facts[precisionFact] != "highest" {
		t.Errorf("%v", facts)
	}
}

// TestRanksLead runs something on rank 0 only; all get its error.
func TestRanksLead(t *testing.T) {
	d := openPortable()
	for _, want := range []error{nil, errors.New("no room")} {
		var mutex sync.Mutex
		called := 0
		errs := together(comm.Local(3), func(_ int, g comm.Group) error {
			r := &Ranks{group: g, timeout: 20 * time.Second}
			return r.Lead(d, func() error {
				mutex.Lock()
				defer mutex.Unlock()
				called++
				return want
			})
		})
		for rank, err := range errs {
			if (err == nil) != (want == nil) || err != nil && !strings.Contains(err.Error(), "no room") {
				t.Errorf("rank %d: %v, want %v", rank, err, want)
			}
		}
		if called != 1 {
			t.Errorf("called %d times", called)
		}
	}
}

// TestRanksCopiedFolder resumes with a rank whose run folder is an identical copy.
func TestRanksCopiedFolder(t *testing.T) {
	defer func(before time.Duration) { signWait = before }(signWait)
	signWait = 300 * time.Millisecond
	dirs := []string{filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "run")}
	c := ranksConfig(30)
	stopAt := func(step int, o Options) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		task, _ := toyTask(t, false)
		loss, n := task.Loss, 0
		task.Loss = func(b RowBatch) (*tensor.Tensor, *Figures) {
			if n++; n == step {
				cancel()
			}
			return loss(b)
		}
		var stopped *Interrupted
		if _, err := Run(ctx, dirs[0], task, c, o); !errors.As(err, &stopped) {
			t.Fatal(err)
		}
	}
	stopAt(5, Options{})
	left := filepath.Join(dirs[0], signPrefix+"0123") // by a process that was killed
	if err := errors.Join(os.WriteFile(left, nil, 0o666), os.CopyFS(dirs[1], os.DirFS(dirs[0]))); err != nil {
		t.Fatal(err)
	}
	errs := together(comm.Local(2), func(rank int, g comm.Group) error {
		task, _ := toyTask(t, false)
		_, err := Run(t.Context(), dirs[rank], task, c, Options{Resume: true, Ranks: &Ranks{group: g, timeout: 20 * time.Second}})
		return err
	})
	for rank, err := range errs {
		want := fmt.Sprintf("%s on the machine %s is not the run folder that rank 0 writes to on %[2]s; put it on", dirs[1], machine())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("rank %d: %v, want %s", rank, err, want)
		}
	}
	if signs, _ := filepath.Glob(filepath.Join(dirs[0], signPrefix+"*")); len(signs) > 0 {
		t.Errorf("%v stay", signs)
	}
}

// TestRanksLateSign has a file system that shows the sign late, as NFS does.
func TestRanksLateSign(t *testing.T) {
	dir := t.TempDir()
	s := sign{Name: signPrefix + "1"}
	go func() {
		time.Sleep(100 * time.Millisecond)
		_ = os.WriteFile(filepath.Join(dir, s.Name), nil, 0o666)
	}()
	if err := s.look(t.Context(), dir); err != nil {
		t.Error(err)
	}
}

// TestRanksLeave has a rank that doesn't come to the end: the others name it.
func TestRanksLeave(t *testing.T) {
	defer func(leave, answer time.Duration) { leaveTimeout, answerTime = leave, answer }(leaveTimeout, answerTime)
	leaveTimeout, answerTime = time.Second, time.Second
	for rank, err := range together(comm.Local(3), func(rank int, g comm.Group) error {
		if rank == 1 {
			return nil
		}
		return (&Ranks{group: g, timeout: time.Second}).Close()
	}) {
		if want := fmt.Sprintf("rank %d of 3: at the end, rank 1 doesn't answer within 1s", rank); rank != 1 && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("rank %d: %v, want %s", rank, err, want)
		}
	}
	for rank, err := range together(comm.Local(2), func(rank int, g comm.Group) error {
		if rank == 1 { // it comes, and stops before the others have left
			return g.Barrier(t.Context())
		}
		return (&Ranks{group: g, timeout: time.Second}).Close()
	}) {
		if want := "rank 0 of 2: at the end, rank 1 doesn't answer within 1s"; rank == 0 && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for _, err := range together(comm.Local(2), func(_ int, g comm.Group) error { return (&Ranks{group: g, timeout: time.Second}).Close() }) {
		if err != nil {
			t.Error(err)
		}
	}
}
