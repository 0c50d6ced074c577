//go:build linux && (amd64 || arm64)

package mpi

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/internal/comm"
)

// watched is how long ranks of tests may be silent.
const watched = 2 * time.Second

// watch begins the heartbeats.
func watch(w *World, timeout time.Duration) error {
	ctx := context.Background()
	return errors.Join(w.Watch(ctx, timeout), w.Barrier(ctx))
}

// stop stops this process. The calling thread may run on for a moment.
func stop() error { return syscall.Kill(os.Getpid(), syscall.SIGSTOP) }

// stopForGood stops this process and does nothing more.
func stopForGood() error {
	err := stop()
	time.Sleep(time.Minute)
	return err
}

// soon returns an error if something took less than half of watched, or too long. Heartbeats came until the rank stopped, and others are late
// to stop.
func soon(began time.Time) error {
	if took := time.Since(began); took < watched/2 || took > 3*watched {
		return fmt.Errorf("a stopped rank is noticed after %v", took)
	}
	return nil
}

// endNoticed ends all ranks, now that a stopped one is noticed. It returns an error if that was not soon.
func endNoticed(w *World, began time.Time) error {
	if err := soon(began); err != nil {
		return err
	}
	fmt.Println("noticed")
	time.Sleep(time.Second) // until the other has noticed, too
	w.Abort(3)
	return nil
}

// stopped has a rank stop. One of the others waits for a minute; one gives up earlier and looks for who is missing, while the other still waits.
func stopped(w *World) error {
	if err := watch(w, watched); err != nil {
		return err
	}
	began, wait := time.Now(), time.Minute
	switch w.Place().Rank {
	case 1:
		return stopForGood()
	case 2:
		wait = 100 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	err := w.Barrier(ctx)
	var missing []int
	var silent *comm.Silent
	if errors.As(err, &silent) {
		missing = silent.Ranks
	} else if errors.Is(err, context.DeadlineExceeded) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		missing = w.Missing(ctx)
	}
	if !slices.Equal(missing, []int{1}) {
		return fmt.Errorf("%v don't answer (%w), and rank 1 doesn't", missing, err)
	}
	var queued []comm.Pending
	for range 40 { // a tick for each would take 10 s
		queued = append(queued, w.AllReduce(context.Background(), make([]float32, 1)))
	}
	for _, pending := range queued {
		if err := pending.Wait(); !errors.As(err, &silent) {
			return fmt.Errorf("an operation after a silence: %w", err)
		}
	}
	return endNoticed(w, began)
}

// leaveStopped has a rank stop while the others leave.
func leaveStopped(w *World) error {
	if err := watch(w, watched); err != nil {
		return err
	}
	if w.Place().Rank == 1 {
		return stopForGood()
	}
	began := time.Now()
	err := w.Close()
	var silent *comm.Silent
	if !errors.As(err, &silent) || !slices.Equal(silent.Ranks, []int{1}) {
		return fmt.Errorf("a stopped rank leaves: %w", err)
	}
	return endNoticed(w, began)
}

// patient has a rank that computes for longer than ranks may be silent, and is stopped for a part of the time. Others wait for it.
func patient(w *World) error {
	timeout := watched
	if w.Place().Rank == 2 {
		timeout = time.Hour // its heartbeats come as often as those of others
	}
	if err := watch(w, timeout); err != nil {
		return err
	}
	if w.Place().Rank == 1 {
		again := exec.Command("sh", "-c", fmt.Sprintf("sleep %v; kill -CONT %d", (watched/4).Seconds(), os.Getpid()))
		if err := errors.Join(again.Start(), stop(), again.Wait()); err != nil {
			return err
		}
		time.Sleep(2 * watched)
	}
	if err := w.Barrier(context.Background()); err != nil {
		return err
	}
	began := time.Now()
	if err := w.Close(); err != nil || time.Since(began) > 10*time.Second {
		return fmt.Errorf("leaving took %v: %w", time.Since(began), err)
	}
	fmt.Println("left")
	return nil
}

// TestHeartbeats checks that a rank that is stopped is noticed, and named, however long the others may wait; and that one that computes for
// long is not.
func TestHeartbeats(t *testing.T) {
	for _, launcher := range launchers {
		for _, test := range []struct {
			what, prints string
			times        int
			fails        bool
		}{{"stopped", "noticed", 2, true}, {"leavestopped", "noticed", 2, true}, {"patient", "left", 3, false}} {
			t.Run(launcher+" "+test.what, func(t *testing.T) {
				installed(t, launcher)
				t.Parallel() // it waits
				printed, err := launch(t, launcher, 3, test.what)
				if (err != nil) != test.fails || strings.Count(printed, test.prints) != test.times || strings.Contains(printed, "rank failed") {
					t.Errorf("%v\n%s", err, printed)
				}
			})
		}
	}
}
