package main

import (
	"cmp"
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
	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/spf13/cobra"
)

// What several processes that a launcher has started do with a command: an annotation of it. A command without one is for one process.
const (
	ranksKey    = "ranks"
	ranksTrain  = "train"  // they train together
	ranksDivide = "divide" // they divide what its pipelines compute
	ranksEach   = "each"   // each runs it
)

// addTrainRanks adds the flags of a training that several processes share.
func addTrainRanks(c *cobra.Command) {
	addRanks(c, ranksTrain, time.Minute, "how long ranks wait for one that is late for a step, before all stop")
	c.Flags().String("shard", string(train.ShardNone), "what ranks started by mpirun divide, beside the batch: none, optimizer (its moments), gradients (and moments) or parameters (all three; on NVIDIA GPUs, and on processors under Linux)")
	c.Flags().String("reduce", string(train.ReduceFloat32), "numbers in which ranks send gradients: float32, or bfloat16 with error feedback (half the bytes); one rank sends none")
	c.Flags().String("offload", string(train.OffloadNone), "what of a training on a GPU lives in the program's memory: none or optimizer (Adam's moments, with which the processor updates the weights)")
}

// addDivideRanks adds the flag of a command whose work several processes divide.
func addDivideRanks(c *cobra.Command) {
	addRanks(c, ranksDivide, 30*time.Minute, "how long ranks started by mpirun wait for one that is late, before all stop")
}

func addRanks(c *cobra.Command, what string, timeout time.Duration, usage string) {
	c.Annotations = map[string]string{ranksKey: what}
	c.Flags().Duration("rank-timeout", timeout, usage)
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

// leads reports whether this process writes files: it is alone, or rank 0.
func leads(c *cobra.Command) bool {
	r := ranksOf(c)
	return r == nil || r.Rank() == 0
}

// joinRanks joins the processes that a launcher has started with this one, or refuses a command that is for one process.
func joinRanks(c *cobra.Command, arguments []string) error {
	what := c.Annotations[ranksKey]
	if what == ranksEach || !c.HasParent() {
		return nil
	}
	if what == "" {
		if place, launched, err := comm.Launched(os.Getenv); err == nil && launched && place.Size > 1 {
			return usagef("%s runs in one process, and %s has started %d; start it without a launcher", c.CommandPath(), place.Launcher, place.Size)
		}
		return nil
	}
	if what == ranksTrain {
		shard, _ := c.Flags().GetString("shard")
		reduce, _ := c.Flags().GetString("reduce")
		offload, _ := c.Flags().GetString("offload")
		if err := cmp.Or(train.Shard(shard).Validate(), train.Reduce(reduce).Validate(), train.Offload(offload).Validate()); err != nil {
			return invalid(err)
		}
	}
	if place, launched, err := comm.Launched(os.Getenv); what == ranksDivide && err == nil && launched && place.Size > 1 && place.NoMPI {
		return usagef("%s: processes divide it over MPI, and %s starts none; start it by mpirun, or in one process", c.CommandPath(), place.Launcher)
	}
	timeout, err := c.Flags().GetDuration("rank-timeout")
	if err != nil {
		return err
	}
	ranks, err := train.JoinRanks(timeout)
	var wrong *fault.FieldError
	if errors.As(err, &wrong) {
		return invalid(err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w by --rank-timeout", err)
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
	if what == ranksDivide {
		return ranks.Same(commonFacts(c, arguments))
	}
	return ranks.SameBeginning(commonFacts(c, arguments)) // trainings also compare data and weights, later
}

// end leaves the other ranks. After an error that they don't know of, or if one of them doesn't leave, it ends them all.
func (t *together) end(err error, code int) {
	if t.ranks == nil {
		return
	}
	if err == nil || train.Agreed(err) {
		left := t.ranks.Close()
		if left == nil {
			return
		}
		fmt.Fprintf(os.Stderr, "bestiary: %v\n", left)
		code = max(code, 1)
	}
	t.ranks.Abort(code)
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
