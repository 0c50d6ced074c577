package scaling

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
)

// Options say what is predicted.
type Options struct {
	GPU    string  // a name of GPUs
	Link   string  // a name of Links, between machines of eight GPUs
	GPUs   []int   // numbers of GPUs: up to 8, or a multiple of 8
	Stage  []int   // stages of ZeRO, 0 to 3
	Batch  int     // sequences that each GPU computes in a step; the global batch grows with the number of GPUs
	Bucket int     // megabytes of gradients that are sent together, at least; a layer is not divided
	Share  float64 // of the GPU's peak that products reach
	Spread float64 // standard deviation of the time of a GPU for the same work, as a share of it
}

// Defaults returns the options of "bestiary bench scaling". 25 MB are the bucket of PyTorch's DistributedDataParallel (bucket_cap_mb).
// A share of 0.4 is what the Llama 3 models reached on H100s, 38 to 43 % (Grattafiori et al., 2024, table 4). The spread is an
// assumption.
func Defaults() Options {
	return Options{
		GPU: "h100", Link: "ndr400", GPUs: []int{8, 64, 256, 1024}, Stage: []int{0, 1, 2, 3}, Batch: 8, Bucket: 25, Share: 0.4, Spread: 0.02,
	}
}

// Row is a prediction.
type Row struct {
	Model      string
	GPUs       int
	Stage      int     // of ZeRO
	Seconds    float64 // of a step
	Efficiency float64 // sequences per second and GPU, over those of one GPU that does all of the optimizer's work
	Hidden     float64 // share of the time of collective operations during which the GPU computes
	Sent       float64 // bytes that each GPU sends in a step
	Memory     float64 // bytes that each GPU needs
	Fits       bool    // the GPU has this memory
}

// Predict simulates a step of each of Models for each number of GPUs and stage. It returns a [*fault.FieldError] for options that
// are not allowed.
func Predict(o Options) ([]Row, error) {
	gpu, link, err := o.check()
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, m := range Models {
		one := simulate(o.setup(m, gpu, link, 1, 0))
		for _, n := range o.GPUs {
			for _, stage := range o.Stage {
				t, memory := simulate(o.setup(m, gpu, link, n, stage)), m.memory(stage, n, o.Batch, o.bucket())
				rows = append(rows, Row{
					Model: m.Name, GPUs: n, Stage: stage, Seconds: t.seconds, Efficiency: one.seconds / t.seconds, Hidden: t.hidden(), Sent: t.sent,
					Memory: memory, Fits: memory <= gpu.Memory,
				})
			}
		}
	}
	return rows, nil
}

func (o Options) bucket() float64 { return float64(o.Bucket) * 1e6 }

// setup returns what a simulation is given.
func (o Options) setup(m Model, gpu GPU, link Link, gpus, stage int) setup {
	return setup{
		layers: m.layers(), stage: stage, gpus: gpus, batch: float64(o.Batch), bucket: o.bucket(), rate: o.Share * gpu.Peak,
		memoryRate: gpu.MemoryRate, slow: 1 + o.Spread*slowest(gpus), network: newNetwork(gpu, link),
	}
}

// check returns the GPU and the link, or a [*fault.FieldError].
func (o Options) check() (GPU, Link, error) {
	sizes := []require.Size{{Field: "Batch", Value: o.Batch, Min: 1, Max: 1 << 20}, {Field: "Bucket", Value: o.Bucket, Min: 1, Max: 1 << 20}}
	for _, stage := range o.Stage {
		sizes = append(sizes, require.Size{Field: "Stage", Value: stage, Min: 0, Max: 3})
	}
	if err := require.Sizes(sizes...); err != nil {
		return GPU{}, Link{}, err
	}
	for _, n := range o.GPUs {
		if n < 1 || n > 1<<20 || n > perMachine && n%perMachine != 0 {
			return GPU{}, Link{}, fault.Field("GPUs", n, "must be 1 to %d, or a multiple of %d up to %d", perMachine, perMachine, 1<<20)
		}
	}
	switch {
	case len(o.GPUs) == 0:
		return GPU{}, Link{}, fault.Field("GPUs", nil, "needs a number of GPUs")
	case len(o.Stage) == 0:
		return GPU{}, Link{}, fault.Field("Stage", nil, "needs a stage of ZeRO, 0 to 3")
	case !(o.Share > 0 && o.Share <= 1):
		return GPU{}, Link{}, fault.Field("Share", o.Share, "must be above 0 and at most 1")
	}
	if err := require.Between("Spread", o.Spread, 0, 1); err != nil {
		return GPU{}, Link{}, err
	}
	link, err := named("Link", o.Link, Links, func(l Link) string { return l.Name })
	if err != nil {
		return GPU{}, Link{}, err
	}
	gpu, err := named("GPU", o.GPU, GPUs, func(g GPU) string { return g.Name })
	return gpu, link, err
}

// named returns the one of all with a name.
func named[T any](field, name string, all []T, of func(T) string) (T, error) {
	var names []string
	for _, one := range all {
		if of(one) == name {
			return one, nil
		}
		names = append(names, of(one))
	}
	var none T
	return none, fault.Field(field, fmt.Sprintf("%.40q", name), "is not known; use %s", strings.Join(names, ", "))
}

// Run writes the predictions to w: a line with the assumptions, and a table.
func Run(o Options, w io.Writer) error {
	rows, err := Predict(o)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "predicted, not measured: %s, %s, %d sequences a GPU, buckets of %d MB, %.3g of the peak, spread %.3g\n", o.GPU, o.Link, o.Batch, o.Bucket, o.Share, o.Spread)
	text := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(text, "model\tGPUs\tstage\tstep\tefficiency\thidden\tsent\tmemory\t")
	for _, r := range rows {
		memory := fmt.Sprintf("%.1f GB", r.Memory/1e9)
		if !r.Fits {
			memory = "too much: " + memory
		}
		hidden := "–"
		if r.Sent > 0 {
			hidden = fmt.Sprintf("%.0f %%", 100*r.Hidden)
		}
		fmt.Fprintf(text, "%s\t%d\t%d\t%.2f ms\t%.1f %%\t%s\t%.0f MB\t%s\t\n", r.Model, r.GPUs, r.Stage, 1e3*r.Seconds, 100*r.Efficiency, hidden, r.Sent/1e6, memory)
	}
	return text.Flush()
}
