package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/spf13/cobra"
)

// rankFlags are the flags of trainings that several processes share.
type rankFlags struct {
	shard   string
	timeout time.Duration
}

func addRankFlags(c *cobra.Command) *rankFlags {
	f := &rankFlags{}
	c.Flags().StringVar(&f.shard, "shard", string(train.ShardNone), "what ranks started by mpirun divide, beside the batch: none, optimizer (its moments), gradients (and moments) or parameters (all three; on processors under Linux)")
	c.Flags().String("offload", string(train.OffloadNone), "what of a training on a GPU lives in the program's memory: none or optimizer (Adam's moments, with which the processor updates the weights)")
	c.Flags().DurationVar(&f.timeout, "rank-timeout", time.Minute, "how long ranks wait for one that is late for a step, before all stop")
	return f
}

// together is where a command keeps the ranks that it has joined, so that a failure can end all of them.
type together struct{ ranks *train.Ranks }

type togetherKey struct{}

func withRanks(ctx context.Context) (context.Context, *together) {
	t := &together{}
	return context.WithValue(ctx, togetherKey{}, t), t
}

// ranksOf returns the ranks that a command has joined; nil if it is alone.
func ranksOf(c *cobra.Command) *train.Ranks {
	if t, ok := c.Context().Value(togetherKey{}).(*together); ok {
		return t.ranks
	}
	return nil
}

// join joins the processes that a launcher has started with this one.
func (f *rankFlags) join(c *cobra.Command) error {
	if err := train.Shard(f.shard).Validate(); err != nil {
		return invalid(err)
	}
	ranks, err := train.JoinRanks(f.timeout)
	var wrong *fault.FieldError
	if errors.As(err, &wrong) {
		return invalid(err)
	}
	if err != nil || ranks == nil {
		return err
	}
	t, ok := c.Context().Value(togetherKey{}).(*together)
	if !ok {
		return fmt.Errorf("this command can't join %s", ranks)
	}
	if t.ranks = ranks; ranks.Rank() > 0 { // rank 0 says the same
		c.SetOut(io.Discard)
		c.SetErr(io.Discard)
	}
	return nil
}

// end leaves the other ranks. After an error that they don't know of, it ends them.
func (t *together) end(err error, code int) {
	switch {
	case t.ranks == nil:
	case err == nil || train.Agreed(err):
		if closed := t.ranks.Close(); closed != nil && err == nil {
			fmt.Fprintf(os.Stderr, "bestiary: %s: can't leave the other ranks: %v\n", t.ranks, closed)
		}
	default:
		t.ranks.Abort(code)
	}
}

// threadsOf returns the threads of one of several ranks on this machine: its share of the processors that they use together. A launcher
// may have bound each rank to processors of its own.
func threadsOf(ranks *train.Ranks) int {
	_, local := ranks.Local()
	usable, machine := runtime.GOMAXPROCS(0), online()
	if bound := runtime.NumCPU() < machine; bound {
		return max(1, min(usable, machine/local))
	}
	return max(1, usable/local)
}

// online returns the number of processors of the machine, whatever this process is bound to.
func online() int {
	text, err := os.ReadFile("/sys/devices/system/cpu/online") // "0-3,8"
	if err != nil {
		return runtime.NumCPU()
	}
	n := 0
	for _, part := range strings.Split(strings.TrimSpace(string(text)), ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil || to < from {
			return runtime.NumCPU()
		}
		n += to - from + 1
	}
	return n
}
