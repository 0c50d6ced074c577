//go:build linux && (amd64 || arm64) && !nocuda

package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// torchrun returns groups of n ranks as torchrun starts them.
func torchrun(t *testing.T, n int) (groups []comm.Group) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		groups = append(groups, &deviceGroup{place: comm.Place{Rank: i, Size: n, LocalRank: i, LocalSize: n, Launcher: "torchrun", Address: address, NoMPI: true}})
	}
	return groups
}

// TestTorchrun trains on two emulated GPUs that nothing but a stand-in for NCCL joins: losses are those of one, also where the loss
// exchanges something, and where gradients are sent as bfloat16.
func TestTorchrun(t *testing.T) {
	smallBuckets(t)
	devices, _ := emulatedGPUs(t, 2)
	c := ranksConfig(2)
	c.Clip = 0.5
	for _, test := range []struct {
		shard     Shard
		reduce    Reduce
		joint     bool
		tolerance float64
	}{{ShardNone, ReduceFloat32, true, 1e-5}, {ShardParameters, ReduceBfloat16, false, 1e-2}} {
		alone := filepath.Join(t.TempDir(), "alone")
		if errs, _ := trainOn(t, alone, devices[:1], comm.Local(1), test.joint, c, Options{}, nil); errs[0] != nil {
			t.Fatal(errs[0])
		}
		dir := filepath.Join(t.TempDir(), "together")
		groups := torchrun(t, 2)
		var printed progress
		errs, models := trainOn(t, dir, devices, groups, test.joint, c, Options{Shard: test.shard, Reduce: test.reduce, Progress: &printed}, nil)
		if err := errors.Join(errs...); err != nil {
			t.Fatalf("%s: %v", test.shard, err)
		}
		if err := agreeWithin(loggedLosses(t, alone), loggedLosses(t, dir), test.tolerance); err != nil {
			t.Errorf("%s: %v", test.shard, err)
		}
		if nn.Checksum(models[0]) != nn.Checksum(models[1]) {
			t.Errorf("%s: the ranks have other weights", test.shard)
		}
		if !strings.Contains(printed.String(), "on 2 ranks, each on cuda:0, joined by NCCL 2.30.7\n") {
			t.Errorf("%s: prints\n%s", test.shard, printed.String())
		}
		if err := errors.Join(together(groups, func(_ int, g comm.Group) error { return g.Close() })...); err != nil {
			t.Error(err)
		}
	}
}

// TestDeviceGroup compares all operations with those of ranks of one process.
func TestDeviceGroup(t *testing.T) {
	devices, _ := emulatedGPUs(t, 2)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	groups, others := torchrun(t, 2), comm.Local(2)
	compute := func(rank int, g comm.Group) (all [][]float32, err error) {
		vector := func(n int) []float32 {
			x := make([]float32, n)
			for i := range x {
				x[i] = float32(i) + float32(rank)/3
			}
			return x
		}
		for _, n := range []int{2, 6, 1000} {
			x, own, all1 := vector(2*n), make([]float32, n), make([]float32, 2*n)
			reduced, scattered, lost := vector(2*n), make([]float32, n), [2][]float32{make([]float32, 2*n), make([]float32, 2*n)}
			for _, p := range []comm.Pending{
				g.ReduceScatter(ctx, own, x), g.AllGather(ctx, all1, vector(n)), g.AllReduce(ctx, x),
				g.AllReduceBfloat16(ctx, reduced, lost[0]), g.ReduceScatterBfloat16(ctx, scattered, vector(2*n), lost[1]),
			} {
				if err := p.Wait(); err != nil {
					return nil, err
				}
			}
			all = append(all, x, own, all1, reduced, scattered, lost[0], lost[1])
		}
		for n := 1; n < 6; n++ {
			text := []byte(strings.Repeat(fmt.Sprint(rank), n))
			every, err := g.Gather(ctx, text)
			if err != nil || len(every) != 2 || !bytes.Equal(every[rank], text) || !bytes.Equal(every[1-rank], []byte(strings.Repeat(fmt.Sprint(1-rank), n))) {
				return nil, fmt.Errorf("Gather of %d bytes: %q, %w", n, every, err)
			}
			if err := g.Broadcast(ctx, text, 1); err != nil || text[n-1] != '1' {
				return nil, fmt.Errorf("Broadcast: %q, %w", text, err)
			}
		}
		return all, g.Barrier(ctx)
	}
	want := make([][][]float32, 2)
	errs := together(others, func(rank int, g comm.Group) (err error) { want[rank], err = compute(rank, g); return err })
	errs = append(errs, together(groups, func(rank int, g comm.Group) error {
		if err := g.(*deviceGroup).reach(ctx, devices[rank]); err != nil {
			return err
		}
		got, err := compute(rank, g)
		if err != nil {
			return err
		}
		for i := range got {
			if !slices.Equal(got[i], want[rank][i]) {
				err = errors.Join(err, fmt.Errorf("rank %d: result %d is %v, want %v", rank, i, got[i][:2], want[rank][i][:2]))
			}
		}
		return errors.Join(err, g.(*deviceGroup).reach(ctx, devices[rank]), g.Close())
	})...)
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

// TestDeviceGroupHangs has an operation of NCCL to which a rank doesn't come.
func TestDeviceGroupHangs(t *testing.T) {
	defer func(before time.Duration) { answerTime = before }(answerTime)
	answerTime = 2 * time.Second
	devices, _ := emulatedGPUs(t, 2)
	for rank, err := range together(torchrun(t, 2), func(rank int, g comm.Group) error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := errors.Join(g.(*deviceGroup).reach(ctx, devices[rank]), g.Barrier(ctx)); err != nil || rank == 1 {
			return err
		}
		err := (&Ranks{group: g, timeout: time.Second}).agreeSoon()
		if err == nil || !strings.Contains(err.Error(), "rank 0 of 2: rank 1 doesn't answer within 1s") {
			return fmt.Errorf("without rank 1: %w", err)
		}
		return nil
	}) {
		if err != nil {
			t.Errorf("rank %d: %v", rank, err)
		}
	}
}

// agreeSoon exchanges a message.
func (r *Ranks) agreeSoon() error {
	ctx, cancel := r.within()
	defer cancel()
	_, err := r.meet(ctx, meeting{})
	return err
}

// TestTorchrunHangs has a rank that stops within a training: the other names it and ends.
func TestTorchrunHangs(t *testing.T) {
	before := answerTime
	answerTime = 3 * time.Second
	t.Cleanup(func() { answerTime = before })
	for hangs := range 2 {
		t.Run(fmt.Sprintf("rank %d", hangs), func(t *testing.T) {
			t.Parallel() // it waits
			devices, _ := joinables(2)
			groups, dir := torchrun(t, 2), filepath.Join(t.TempDir(), "run")
			stuck := make(chan error, 2) // the one that hangs has come to where it hangs, or failed before
			errs := together(groups, func(rank int, g comm.Group) error {
				task, _ := toyTaskOn(t, devices[rank], false)
				o := Options{Ranks: &Ranks{group: g, timeout: 5 * time.Second}}
				if rank != hangs {
					_, err := Run(t.Context(), dir, task, ranksConfig(20), o)
					return err
				}
				loss, calls := task.Loss, 0
				task.Loss = func(b RowBatch) (*tensor.Tensor, *Figures) {
					if calls++; calls == 3 {
						stuck <- nil
						select {} // as long as the test's process
					}
					return loss(b)
				}
				go func() {
					_, err := Run(t.Context(), dir, task, ranksConfig(20), o)
					stuck <- err
				}()
				return <-stuck
			})
			if other := errs[1-hangs]; errs[hangs] != nil || other == nil || Agreed(other) ||
				!strings.Contains(other.Error(), fmt.Sprintf("rank %d doesn't answer within 5s", hangs)) {
				t.Errorf("rank %d hangs: %v", hangs, errs)
			}
		})
	}
}

// TestTorchrunDiffers has ranks without MPI that were started differently: all name the fact, whatever they meet for first.
func TestTorchrunDiffers(t *testing.T) {
	devices, _ := joinables(2)
	for want, others := range map[string]map[string]string{
		"": {}, "rank 1 has nothing for --from where rank 0 has runs/a; start all ranks": {"--from": ""},
		"rank 1 has runs/c for --run where rank 0 has runs/b; start all ranks": {"--run": "runs/c"},
	} {
		groups, dir := torchrun(t, 2), filepath.Join(t.TempDir(), "run")
		for rank, err := range together(groups, func(rank int, g comm.Group) error {
			r := &Ranks{group: g, timeout: 20 * time.Second}
			facts := map[string]string{"--from": "runs/a", "--run": "runs/b"}
			if rank == 1 {
				maps.Copy(facts, others)
			}
			if err := r.SameBeginning(facts); err != nil {
				return err
			}
			if facts["--from"] != "" {
				if err := r.Lead(devices[rank], func() error { return nil }); err != nil {
					return errors.Join(err, r.Close())
				}
			}
			task, _ := toyTaskOn(t, devices[rank], false)
			_, err := Run(t.Context(), dir, task, ranksConfig(1), Options{Ranks: r})
			return errors.Join(err, r.Close())
		}) {
			if (err == nil) != (want == "") || err != nil && (!Agreed(err) || !strings.Contains(err.Error(), want)) {
				t.Errorf("rank %d: %v, want %q", rank, err, want)
			}
		}
	}
}

// TestTorchrunRefuses has what can't be joined without MPI.
func TestTorchrunRefuses(t *testing.T) {
	groups := torchrun(t, 2)
	dir := filepath.Join(t.TempDir(), "run")
	for _, err := range together(groups, func(_ int, g comm.Group) error {
		task, _ := toyTask(t, false)
		_, err := Run(t.Context(), dir, task, ranksConfig(2), Options{Ranks: &Ranks{group: g, timeout: time.Second}})
		return errors.Join(err, g.Close())
	}) {
		if err == nil || !strings.Contains(err.Error(), "the launcher torchrun starts no MPI, and without it only NVIDIA GPUs can be joined: this rank computes on cpu/portable; start by mpirun") {
			t.Errorf("%v", err)
		}
	}
}
