package bench

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
)

// Options say what to measure. The zero value measures all workloads on the best device, without a peer.
type Options struct {
	Only      []string // names, prefixes of names up to a slash, or patterns such as "realnvp/*/b32"; none: all
	Device    string   // as for tensor.OpenDevice
	Threads   int      // 0 or less: one for each processor
	Kernels   string   // as in tensor.DeviceOptions
	Precision string   // as in tensor.DeviceOptions
	JSON      bool     // a line with a JSON object for each workload instead of a table

	Time   time.Duration // least time to measure each workload for, on each side; 0: 3 seconds
	Rounds int           // turns that Time is divided into, each of at least one iteration; 0: 5

	// Versus is a peer to measure in the same run: "torch", "torch-compile", "torch-cached", "zuko", "nflows", "gorgonia", "gomlx",
	// "spago", or "" for none. With zuko and nflows, which have flows only, an empty Only chooses the workloads of density.
	Versus string
	Python string // interpreter with the packages of a peer in Python; "": the first of python3 and /usr/bin/python3 that has them

	Profile string // file for a CPU profile of the timed iterations of one workload; not with Versus; "" for none
}

// Result has the figures of a workload. Some may be null: those of the peak on a GPU, in a profile and without an FMA loop
// for this processor; those of memory where the system doesn't report them.
type Result struct {
	Name      string `json:"name"`
	Device    string `json:"device"`
	Processor string `json:"processor,omitempty"` // the operating system's name of it
	GPU       string `json:"gpu,omitempty"`       // the card's name
	Precision string `json:"precision"`           // of products, see tensor.Device.Precision; "highest" is float32
	Threads   int    `json:"threads"`
	Spread
	ItemsPerSecond float64     `json:"items_per_second"`
	GFlops         float64     `json:"gflops"`
	PeakGFlops     *float64    `json:"peak_gflops"`
	PeakFraction   *float64    `json:"peak_fraction"`
	PeakBytes      *int64      `json:"peak_bytes"`
	AllocatedBytes int64       `json:"allocated_bytes"`
	Parameters     int         `json:"parameters,omitempty"` // of a flow over rows, and of a Mask R-CNN
	Versus         *PeerResult `json:"versus,omitempty"`
}

// PeerResult has the figures of the same workload in another framework, measured in turns with ours, or the reason why
// there are none.
type PeerResult struct {
	Peer
	Impossible string `json:"impossible,omitempty"` // why the framework lacks the workload; there are no figures then
	Form       string `json:"form,omitempty"`       // how it computes: "bfloat16 autocast, channels-last", the fastest of its forms
	*Spread
	PeakBytes  *int64  `json:"peak_bytes"`           // of its process since the start; on a GPU of its tensors, as ours
	Ratio      float64 `json:"ratio,omitempty"`      // its median time over ours
	Parameters int     `json:"parameters,omitempty"` // of a flow over rows; Run returns an error if ours has another number
}

// Run measures workloads. It writes the results to out and messages on the progress to log. Options that are not allowed
// give a [*fault.FieldError].
func Run(ctx context.Context, o Options, out, log io.Writer) error {
	if len(o.Only) == 0 && slices.Contains(flowPeers, o.Versus) {
		o.Only = []string{"density"}
	}
	chosen, err := choose(workloads(), o.Only)
	if err != nil {
		return err
	}
	return run(ctx, chosen, o, out, log)
}

// complete returns o with the defaults of Time and Rounds.
func (o Options) complete() (Options, error) {
	o.Time = cmp.Or(o.Time, 3*time.Second)
	o.Rounds = cmp.Or(o.Rounds, 5)
	if o.Time < 0 {
		return o, fault.Field("Time", o.Time, "must be positive, or 0 for 3s")
	}
	if o.Rounds < 0 || o.Rounds > 1000 {
		return o, fault.Field("Rounds", o.Rounds, "must be 1 to 1000, or 0 for 5")
	}
	return o, nil
}

func run(ctx context.Context, chosen []workload, o Options, out, log io.Writer) error {
	o, err := o.complete()
	if err != nil {
		return err
	}
	if o.Python != "" && o.Versus == "" {
		return fault.Field("Python", o.Python, "is for peers in Python; set Versus to torch, zuko or nflows too, or leave it out")
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
	results, err := inTurn(ctx, chosen, func(w workload) string { return w.name }, func(w workload) (Result, error) {
		r, err := measure(ctx, w, o, peer, log)
		if err == nil && r.Versus != nil && r.Versus.Impossible != "" {
			fmt.Fprintf(log, "bench: %s in %s: not possible: %s\n", w.name, o.Versus, r.Versus.Impossible)
		}
		return r, err
	}, o.JSON, out, log)
	if err != nil || o.JSON {
		return err
	}
	return writeTable(out, results)
}

// quietLoad is the load average up to which a machine counts as idle.
const quietLoad = 0.5

// warnIfBusy warns if other processes use the processors. Turns are not a fair comparison then: threads that spin while
// they wait for each other, as OpenMP's do, lose many times the share that the others take.
func warnIfBusy(log io.Writer) {
	if load, ok := loadAverage(); ok && load > quietLoad {
		fmt.Fprintf(log, "bench: the machine is busy (load %.1f in the last minute); measure again when it is idle, above all with a peer\n", load)
	}
}

// measure prepares and measures one workload.
func measure(ctx context.Context, w workload, o Options, launcher *peerLauncher, log io.Writer) (Result, error) {
	t, err := prepare(ctx, w, o)
	if err != nil {
		return Result{}, err
	}
	defer t.close()
	return t.measure(ctx, o, launcher, log)
}

// measure times the workload, in turns with the peer if there is one.
func (t *task) measure(ctx context.Context, o Options, launcher *peerLauncher, log io.Writer) (Result, error) {
	var others []*peer
	if launcher != nil {
		other, err := launcher.start(ctx, t.place(), t.workload.name)
		if err != nil {
			return Result{}, err
		}
		defer other.close()
		others = append(others, other)
	}
	var peaks []float64
	err := profiled(o.Profile, func() (err error) {
		peaks, err = t.turns(ctx, o, others...)
		return err
	})
	if err != nil {
		return Result{}, err
	}
	if t.gpu != nil {
		fmt.Fprintf(log, "bench: %s: CUDA graphs: %v\n", t.workload.name, t.gpu.GraphUse())
	}
	r := t.result(peaks)
	if r.Parameters, err = t.workload.parameters(); err != nil {
		return Result{}, err
	}
	for _, other := range others {
		r.Versus = other.result(r.Seconds)
		return r, sameSize(t.workload.name, r)
	}
	return r, nil
}

// sameSize returns an error if the flow of a workload has another number of parameters than the peer's.
func sameSize(name string, r Result) error {
	if theirs := r.Versus.Parameters; r.Parameters != theirs && theirs != 0 {
		return fmt.Errorf("%s: the flow has %d parameters and that of %s %d; they must be the same", name, r.Parameters, r.Versus.Name, theirs)
	}
	return nil
}

// turns times the FMA loop, the workload and the peers in turns. It returns the rates of the loop, which does not run on a GPU
// or in a profile.
func (t *task) turns(ctx context.Context, o Options, others ...*peer) (peaks []float64, err error) {
	turn := o.Time / time.Duration(o.Rounds)
	for range o.Rounds {
		if t.gpu == nil && o.Profile == "" {
			peaks = append(peaks, fmaRate(t.threads, turn/8))
		}
		if err := t.run(ctx, turn); err != nil {
			return nil, err
		}
		for _, other := range others {
			if err := other.run(turn); err != nil {
				return nil, err
			}
		}
	}
	return peaks, nil
}

// result summarizes a measured task; peaks are the rates of the FMA loop.
func (t *task) result(peaks []float64) Result {
	r := Result{
		Name: t.workload.name, Device: t.device.Name(), Precision: t.precision, Threads: t.threads, Processor: simd.ProcessorName(), Spread: spread(t.times),
		PeakBytes: t.peakBytes(), AllocatedBytes: int64(t.allocated) / int64(len(t.times)),
	}
	if t.gpu != nil {
		r.GPU = t.gpu.Card()
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
