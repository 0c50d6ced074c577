package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/bestiary-ml/bestiary/internal/usage"
)

// Options say what to measure. The zero value measures everything on the best device, without a peer.
type Options struct {
	Only      []string // names, beginnings of names up to a slash, or patterns such as "realnvp/*/b32"; none: all
	Device    string   // as for tensor.OpenDevice
	Threads   int      // non-positive: one a processor
	Kernels   string   // as for tensor.DeviceOptions
	Precision string   // likewise
	JSON      bool     // a JSON object a line instead of a table

	Time   time.Duration // for each workload and side, at least; 0: 3 seconds
	Rounds int           // turns that this time is divided into, each with at least one iteration; 0: 5

	Versus string // peer to measure in the same run: "torch", "torch-compile", "torch-cached", "gorgonia", "gomlx", "spago", or "" for none
	Python string // interpreter that has PyTorch; "": the first of python3 and /usr/bin/python3 that has it

	Profile string // file for a CPU profile of the timed iterations of one workload, without a peer; "" for none
}

// Result is what was measured of a workload. Absent figures are null: those of the peak on a GPU, in a profile and without
// an FMA loop for this processor, those of memory where the system doesn't tell them.
type Result struct {
	Name      string `json:"name"`
	Device    string `json:"device"`
	GPU       string `json:"gpu,omitempty"` // the card's name
	Precision string `json:"precision"`     // of products, see tensor.Device.Precision: "highest" is float32 throughout
	Threads   int    `json:"threads"`
	Spread
	ItemsPerSecond float64     `json:"items_per_second"`
	GFlops         float64     `json:"gflops"`
	PeakGFlops     *float64    `json:"peak_gflops"`
	PeakFraction   *float64    `json:"peak_fraction"`
	PeakBytes      *int64      `json:"peak_bytes"`
	AllocatedBytes int64       `json:"allocated_bytes"`
	Versus         *PeerResult `json:"versus,omitempty"`
}

// PeerResult is what was measured of the same workload in another framework, in turns with ours, or why it can't do it.
type PeerResult struct {
	Peer
	Impossible string `json:"impossible,omitempty"` // the reason; then, there are no figures
	*Spread
	PeakBytes *int64  `json:"peak_bytes"`      // with the framework's own code, since its process started; on a GPU that of tensors, as ours
	Ratio     float64 `json:"ratio,omitempty"` // its median over ours
}

// Run measures workloads and writes the results to out, what is going on to log.
func Run(ctx context.Context, o Options, out, log io.Writer) error {
	chosen, err := choose(workloads(), o.Only)
	if err != nil {
		return usage.Mistake(err)
	}
	return run(ctx, chosen, o, out, log)
}

func run(ctx context.Context, chosen []workload, o Options, out, log io.Writer) error {
	o.Time = cmp.Or(o.Time, 3*time.Second)
	o.Rounds = cmp.Or(o.Rounds, 5)
	if o.Time < 0 || o.Rounds < 0 {
		return usage.Errorf("a time of %v in %d rounds can't be measured; use positive numbers", o.Time, o.Rounds)
	}
	if o.Python != "" && o.Versus == "" {
		return usage.Errorf("a Python is for PyTorch beside us; name that peer, too, or leave that option out")
	}
	if err := checkProfile(o, len(chosen)); err != nil {
		return err
	}
	var peer *peerLauncher
	if o.Versus != "" {
		var err error
		if peer, err = newPeerLauncher(ctx, o, log); err != nil {
			return err
		}
		defer peer.close()
	}
	warnIfBusy(log)
	var results []Result
	for i, w := range chosen {
		fmt.Fprintf(log, "bench: %d of %d: %s\n", i+1, len(chosen), w.name)
		r, err := measure(ctx, w, o, peer, log)
		if ctx.Err() != nil { // also the reason why a peer has stopped
			return fmt.Errorf("bench: stopped during %s: %w", w.name, ctx.Err())
		}
		if err != nil {
			return err
		}
		if r.Versus != nil && r.Versus.Impossible != "" {
			fmt.Fprintf(log, "bench: %s in %s: not possible: %s\n", w.name, o.Versus, r.Versus.Impossible)
		}
		results = append(results, r)
		if o.JSON {
			line, err := json.Marshal(r)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(out, "%s\n", line); err != nil {
				return err
			}
		}
	}
	if o.JSON {
		return nil
	}
	return writeTable(out, results)
}

// quietLoad is the load of a machine that does little else.
const quietLoad = 0.5

// warnIfBusy tells that others use the processors. Taking turns is not fair then: threads that wait for each other by
// spinning, OpenMP's, lose many times more than the share that others take.
func warnIfBusy(log io.Writer) {
	if load, ok := loadAverage(); ok && load > quietLoad {
		fmt.Fprintf(log, "bench: the machine is busy (load %.1f in the last minute); measure again when it is quiet, above all beside a peer\n", load)
	}
}

// measure prepares one workload and measures it.
func measure(ctx context.Context, w workload, o Options, launcher *peerLauncher, log io.Writer) (Result, error) {
	t, err := prepare(ctx, w, o)
	if err != nil {
		return Result{}, err
	}
	defer t.close()
	return t.measure(ctx, o, launcher, log)
}

// measure times the workload, in turns with the peer, if there is one.
func (t *task) measure(ctx context.Context, o Options, launcher *peerLauncher, log io.Writer) (Result, error) {
	var other *peer
	if launcher != nil {
		var err error
		if other, err = launcher.start(ctx, t.place(), t.workload.name); err != nil {
			return Result{}, err
		}
		defer other.close()
	}
	var peaks []float64
	err := profiled(o.Profile, func() (err error) {
		peaks, err = t.turns(ctx, o, other)
		return err
	})
	if err != nil {
		return Result{}, err
	}
	if t.gpu != nil {
		fmt.Fprintf(log, "bench: %s: CUDA graphs: %v\n", t.workload.name, t.gpu.Graphs())
	}
	r := t.result(peaks)
	if other != nil {
		r.Versus = other.result(r.Seconds)
	}
	return r, nil
}

// turns times the FMA loop, the workload and the peer in turns. It returns the loop's rates; there is none beside a GPU, and
// none in a profile.
func (t *task) turns(ctx context.Context, o Options, other *peer) (peaks []float64, err error) {
	turn := o.Time / time.Duration(o.Rounds)
	for range o.Rounds {
		if t.gpu == nil && o.Profile == "" {
			peaks = append(peaks, fmaRate(t.threads, turn/8))
		}
		if err := t.run(ctx, turn); err != nil {
			return nil, err
		}
		if other != nil {
			if err := other.run(turn); err != nil {
				return nil, err
			}
		}
	}
	return peaks, nil
}

// result sums a measured task up; peaks are the rates of the FMA loop.
func (t *task) result(peaks []float64) Result {
	r := Result{
		Name: t.workload.name, Device: t.device.Name(), Precision: t.precision, Threads: t.threads, Spread: spread(t.times),
		PeakBytes: t.peakBytes(), AllocatedBytes: int64(t.allocated) / int64(len(t.times)),
	}
	if t.gpu != nil {
		r.GPU = t.gpu.Info().Name
	}
	r.ItemsPerSecond = float64(t.workload.items) / r.Seconds
	r.GFlops = t.flops / r.Seconds / 1e9
	if len(peaks) > 0 {
		if peak := quantile(peaks, 0.5); peak > 0 {
			gflops, fraction := peak/1e9, r.GFlops*1e9/peak
			r.PeakGFlops, r.PeakFraction = &gflops, &fraction
		}
	}
	return r
}
