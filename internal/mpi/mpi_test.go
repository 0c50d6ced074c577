//go:build linux && (amd64 || arm64)

package mpi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/internal/comm"
)

// asRank is the variable by which the tests start themselves as ranks: the name of what a rank does.
const asRank = "BESTIARY_TEST_RANK"

// TestMain makes the test a rank if a launcher has started it.
func TestMain(m *testing.M) {
	if what := os.Getenv(asRank); what != "" {
		if err := rank(what); err != nil {
			fmt.Println("rank failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// installed skips the test if a launcher is not installed.
func installed(t *testing.T, launcher string) {
	t.Helper()
	if _, err := exec.LookPath(launcher); err != nil {
		t.Skipf("%s is not installed", launcher)
	}
}

// launch starts n ranks by a launcher, which is installed, and returns what they print.
func launch(t *testing.T, launcher string, n int, what string) (printed string, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	arguments := []string{"-n", fmt.Sprint(n)}
	if strings.Contains(launcher, "openmpi") {
		arguments = append(arguments, "--oversubscribe")
	}
	c := exec.CommandContext(ctx, launcher, append(arguments, os.Args[0])...)
	c.Env = append(os.Environ(), asRank+"="+what, "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", "OMPI_MCA_rmaps_base_oversubscribe=1")
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err = c.Run()
	return out.String(), err
}

// rank joins the others and does something.
func rank(what string) error {
	p, ok, err := comm.Launched(os.Getenv)
	if err != nil || !ok {
		return fmt.Errorf("no launcher: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if what == "late" {
		return late(p)
	}
	w, err := Open(ctx, p)
	if err != nil {
		return err
	}
	if w.Place() != p && p.LocalSize > 0 {
		return fmt.Errorf("MPI says %+v, the launcher %+v", w.Place(), p)
	}
	if err := map[string]func(*World) error{"collective": collective, "hang": hang, "abort": abortLast, "leave": leave,
		"stopped": stopped, "leavestopped": leaveStopped, "patient": patient}[what](w); err != nil {
		return err
	}
	return w.Close()
}

// collective tries all operations on numbers whose sums are known.
func collective(w *World) error {
	ctx, p := context.Background(), w.Place()
	n := float32(p.Size)
	sumOfRanks := n * (n - 1) / 2
	for _, length := range []int{1, 7, 100_000} {
		x := make([]float32, length*p.Size)
		for i := range x {
			x[i] = float32(i%1000) + float32(p.Rank)
		}
		own, all := make([]float32, length), make([]float32, length*p.Size)
		if err := w.ReduceScatter(ctx, own, x).Wait(); err != nil {
			return err
		}
		for i, v := range own {
			if want := n*float32((p.Rank*length+i)%1000) + sumOfRanks; v != want {
				return fmt.Errorf("ReduceScatter of %d: element %d is %v, want %v", length, i, v, want)
			}
		}
		gathered := w.AllGather(ctx, all, own)
		reduced := w.AllReduce(ctx, x) // while the other is under way
		for _, pending := range []comm.Pending{gathered, reduced, reduced} {
			if err := pending.Wait(); err != nil {
				return err
			}
		}
		for i := range x {
			if want := n*float32(i%1000) + sumOfRanks; x[i] != want || all[i] != want {
				return fmt.Errorf("element %d of %d: AllReduce %v, AllGather %v, want %v", i, length, x[i], all[i], want)
			}
		}
	}
	if err := halves(w); err != nil {
		return err
	}
	text := []byte("from rank 0")
	if p.Rank > 0 {
		clear(text)
	}
	if err := w.Broadcast(ctx, text, 0); err != nil || string(text) != "from rank 0" {
		return fmt.Errorf("Broadcast: %q, %w", text, err)
	}
	every, err := w.Gather(ctx, []byte{byte(p.Rank), 9})
	if err != nil {
		return err
	}
	for i, b := range every {
		if !bytes.Equal(b, []byte{byte(i), 9}) {
			return fmt.Errorf("Gather: rank %d says %v", i, b)
		}
	}
	if err := w.AllGather(ctx, make([]float32, 3), make([]float32, 3)).Wait(); p.Size > 1 && err == nil {
		return errors.New("an AllGather without room for all ranks")
	}
	if err := w.Barrier(ctx); err != nil {
		return err
	}
	version, path := w.Version()
	fmt.Printf("rank %d of %d is fine, %s at %s\n", p.Rank, p.Size, version, path)
	return nil
}

// halves compares sums of bfloat16 numbers with those of ranks of one process, to the bit, at several calls in a row.
func halves(w *World) error {
	ctx, p := context.Background(), w.Place()
	const calls = 3
	for _, length := range []int{1, 7, 10_001} {
		n := length * p.Size
		of := func(g comm.Group) (sums [][]float32) {
			rank := g.Place().Rank
			reduced, scattered := make([]float32, n), make([]float32, n)
			for call := range calls {
				x, y, own := make([]float32, n), make([]float32, n), make([]float32, length)
				for i := range x {
					x[i] = (float32(i%1000) + float32(rank)/3) / float32(call+1)
				}
				copy(y, x)
				first, second := g.AllReduceBfloat16(ctx, x, reduced), g.ReduceScatterBfloat16(ctx, own, y, scattered) // both under way
				if err := errors.Join(first.Wait(), second.Wait()); err != nil {
					panic(err)
				}
				sums = append(sums, x, own)
			}
			return append(sums, reduced, scattered)
		}
		want := make([][][]float32, p.Size)
		var all sync.WaitGroup
		for rank, g := range comm.Local(p.Size) {
			all.Go(func() { want[rank] = of(g) })
		}
		all.Wait()
		for i, got := range of(w) {
			if !slices.Equal(got, want[p.Rank][i]) {
				return fmt.Errorf("bfloat16: slice %d of %d elements is %v, want %v", i, n, got[:min(8, len(got))], want[p.Rank][i][:min(8, len(got))])
			}
		}
	}
	if err := w.AllReduceBfloat16(ctx, make([]float32, 4*p.Size), make([]float32, 3)).Wait(); err == nil {
		return errors.New("an AllReduceBfloat16 without room for what rounding takes off")
	}
	return nil
}

// hang has ranks wait for one that doesn't come.
func hang(w *World) error {
	if w.Place().Rank != 1 {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		if err := w.Barrier(ctx); !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("a rank is missing: %w", err)
		}
		ctx, cancel = context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if missing := w.Missing(ctx); !slices.Equal(missing, []int{1}) {
			return fmt.Errorf("%v don't answer, and rank 1 doesn't", missing)
		}
		fmt.Println("noticed")
		time.Sleep(time.Second) // until the other has noticed, too
		w.Abort(3)
	}
	time.Sleep(time.Minute)
	return nil
}

// leave has ranks leave while one doesn't.
func leave(w *World) error {
	if w.Place().Rank == 1 {
		time.Sleep(time.Minute)
		return nil
	}
	leaveWait, abortWait = time.Second, time.Second
	err := w.Close()
	if err != nil && !strings.Contains(err.Error(), "MPI has not returned within 2s") {
		return err
	}
	fmt.Println("left:", err)
	time.Sleep(time.Second) // until the other has left, too
	w.Abort(3)
	return nil
}

// TestCloseStuck closes a world whose thread is inside of a call that doesn't return, and whose queue is full.
func TestCloseStuck(t *testing.T) {
	defer func(wait time.Duration) { leaveWait = wait }(leaveWait)
	leaveWait = 10 * time.Millisecond
	w, stuck := &World{jobs: make(chan func(), 1), ended: make(chan struct{})}, make(chan struct{})
	go w.serve()
	w.jobs <- func() {
		close(stuck)
		select {}
	}
	<-stuck
	w.jobs <- func() {}
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "MPI has not returned within 20ms") {
		t.Error(err)
	}
}

// late has a rank that doesn't come to MPI at all, such as one whose machine has no file system.
func late(p comm.Place) error {
	if p.Rank == 1 {
		time.Sleep(time.Minute)
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, err := Open(ctx, p)
	return err
}

// abortLast ends all ranks while the others wait.
func abortLast(w *World) error {
	if w.Place().Rank == w.Place().Size-1 {
		w.Abort(4)
	}
	return w.Barrier(context.Background())
}

// launchers are the programs that start ranks, as Debian names them.
var launchers = []string{"mpirun.openmpi", "mpirun.mpich"}

// TestCollective runs all operations on 1, 2 and 4 ranks of each library that is installed.
func TestCollective(t *testing.T) {
	for _, launcher := range launchers {
		for _, n := range []int{1, 2, 4} {
			t.Run(fmt.Sprint(launcher, n), func(t *testing.T) {
				installed(t, launcher)
				printed, err := launch(t, launcher, n, "collective")
				if err != nil || strings.Count(printed, "is fine") != n {
					t.Errorf("%v\n%s", err, printed)
				}
				t.Log(printed)
			})
		}
	}
}

// TestHang checks that a rank that doesn't come is noticed, and that one rank ends all. All that is tried waits, so it does at the same time.
func TestHang(t *testing.T) {
	tries := []struct {
		what   string
		n      int
		prints string
		times  int
	}{
		{"hang", 3, "noticed", 2}, {"abort", 3, "", 0}, {"leave", 3, "left: MPI has not returned", 2},
		{"late", 2, "rank 0 of 2: not all ranks have come to MPI within 2s", 1},
	}
	for _, launcher := range launchers {
		t.Run(launcher, func(t *testing.T) {
			installed(t, launcher)
			t.Parallel()
			var all sync.WaitGroup
			for _, try := range tries {
				all.Go(func() {
					began := time.Now()
					printed, err := launch(t, launcher, try.n, try.what)
					if took := time.Since(began); err == nil || try.times > 0 && strings.Count(printed, try.prints) != try.times || took > 40*time.Second {
						t.Errorf("%s, after %v: %v\n%s", try.what, took, err, printed)
					}
				})
			}
			all.Wait()
		})
	}
}

// TestLibraries checks the errors for libraries that can't be used.
func TestLibraries(t *testing.T) {
	for path, want := range map[string]string{"/nowhere/libmpi.so": "there is no such library", "libc.so.6": "is no library of MPI 3"} {
		t.Setenv(Library, path)
		if _, err := openLibrary("Open MPI"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := abiOf(0, "Some MPI 1.0", false); err == nil || !strings.Contains(err.Error(), "neither") {
		t.Errorf("another library: %v", err)
	}
}
