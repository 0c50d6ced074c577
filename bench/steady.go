package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/train"
)

// SteadyResult shows whether training takes constant memory: the bytes that Go allocated in a step, and the growth of the
// resident memory from an early step to the last one.
type SteadyResult struct {
	Name           string   `json:"name"`
	Device         string   `json:"device"`
	Threads        int      `json:"threads"`
	Early          int      `json:"early_steps"`
	Steps          int      `json:"steps"`
	AllocatedBytes float64  `json:"allocated_bytes_per_step"`
	EarlyBytes     *int64   `json:"resident_bytes_early"` // null where the system doesn't report it
	LastBytes      *int64   `json:"resident_bytes"`
	Growth         *float64 `json:"growth"` // of the resident memory: 0.01 is 1 %
}

const earlySteps = 50

// Steady trains a narrow autoencoder and the reference flow for a number of steps (0: 5,000) and writes figures of the
// memory to out. The options for timing, peers and profiles are not allowed.
func Steady(ctx context.Context, o Options, steps int, out, log io.Writer) error {
	if steps == 0 {
		steps = 5000
	}
	if steps <= earlySteps {
		return fault.Field("Steps", steps, "must be more than %d, or 0 for 5,000", earlySteps)
	}
	if o.Time != 0 || o.Rounds != 0 || o.Versus != "" || o.Python != "" || o.Profile != "" {
		return fault.Field("Options", nil, "Time, Rounds, Versus, Python and Profile are not used when memory is measured; leave them out")
	}
	narrow := autoencoder.Config{ImageSize: 32, Channels: []int{3, 8, 16, 32, 64, 64}, Hidden: 128, Embedding: 32, Dropout: 0.2}
	chosen, err := choose([]workload{
		trainAutoencoder("autoencoder/train/narrow-b32", narrow, 32),
		trainFlow("realnvp/train/b32", flows.DefaultConfig(256, 2), 32),
	}, o.Only)
	if err != nil {
		return err
	}
	var rows []SteadyResult
	for _, w := range chosen {
		fmt.Fprintf(log, "bench: %d steps of %s\n", steps, w.name)
		r, err := steady(ctx, w, o, steps)
		if ctx.Err() != nil {
			return fmt.Errorf("bench: stopped during %s: %w", w.name, ctx.Err())
		}
		if err != nil {
			return err
		}
		rows = append(rows, r)
	}
	return writeSteady(out, rows, o.JSON)
}

func steady(ctx context.Context, w workload, o Options, steps int) (SteadyResult, error) {
	t, err := prepare(ctx, w, o)
	if err != nil {
		return SteadyResult{}, err
	}
	defer t.close()
	r := SteadyResult{Name: w.name, Device: t.device.Name(), Threads: t.threads, Early: earlySteps, Steps: steps}
	defer train.PaceCollector()()
	var before, after runtime.MemStats
	for i := warmUp; i < steps; i++ {
		if i == earlySteps {
			r.EarlyBytes = resident()
			runtime.ReadMemStats(&before)
		}
		if err := t.iterate(ctx); err != nil {
			return SteadyResult{}, err
		}
	}
	runtime.ReadMemStats(&after)
	r.LastBytes = resident()
	r.AllocatedBytes = float64(after.TotalAlloc-before.TotalAlloc) / float64(steps-earlySteps)
	if r.EarlyBytes != nil && r.LastBytes != nil {
		growth := float64(*r.LastBytes)/float64(*r.EarlyBytes) - 1
		r.Growth = &growth
	}
	return r, nil
}

func resident() *int64 {
	if bytes, ok := residentBytes(); ok {
		return &bytes
	}
	return nil
}

func writeSteady(out io.Writer, rows []SteadyResult, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(out)
		for _, r := range rows {
			if err := encoder.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	growth := func(r SteadyResult) string {
		if r.Growth == nil {
			return "–"
		}
		return fmt.Sprintf("%+.1f %%", 100**r.Growth)
	}
	table := [][]string{{"workload", "steps", "garbage a step", fmt.Sprintf("resident after %d", earlySteps), "at the end", "growth"}}
	for _, r := range rows {
		table = append(table, []string{
			r.Name, fmt.Sprint(r.Steps), fmt.Sprintf("%.1f kB", r.AllocatedBytes/1e3), mebibytes(r.EarlyBytes), mebibytes(r.LastBytes), growth(r),
		})
	}
	var text strings.Builder
	align(&text, table)
	_, err := io.WriteString(out, text.String())
	return err
}
