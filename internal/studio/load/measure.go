package load

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Options say what is measured.
type Options struct {
	Command func(args ...string) *exec.Cmd // runs the program with arguments
	Device  []string                       // arguments of the server: its device
	Clients []int                          // nil: 1, 16 and 256
	Time    time.Duration                  // to measure each number of clients for; 0: 10 s
	// Requests is the number of requests after which the memory is compared with that after Early; 0: 10,000 and 100.
	Requests, Early int
	Jobs            int // that are followed to their first partial picture; 0: 21
	JSON            bool
}

// Report has the figures of a server.
type Report struct {
	Name     string    `json:"name"`
	Together []Figures `json:"batched"`         // requests that wait are drawn together
	Alone    []Figures `json:"one_at_a_time"`   // requests are drawn one at a time
	First    float64   `json:"partial_seconds"` // to the first event with a partial picture, of one client; median
	Whole    float64   `json:"whole_seconds"`   // to the end of the same jobs
	Early    int       `json:"early_requests"`
	Requests int       `json:"requests"`
	// EarlyBytes and Bytes are the resident memory after Early and after all requests; null on systems without the figure.
	EarlyBytes *int64 `json:"resident_bytes_early"`
	Bytes      *int64 `json:"resident_bytes"`
}

// Run measures a server of a model of the demo's size, and writes a report to out.
func Run(ctx context.Context, o Options, out, log io.Writer) error {
	o.Time, o.Requests, o.Early = cmp.Or(o.Time, 10*time.Second), cmp.Or(o.Requests, 10_000), cmp.Or(o.Early, 100)
	o.Jobs = cmp.Or(o.Jobs, 21)
	if o.Clients == nil {
		o.Clients = []int{1, 16, 256}
	}
	if o.Time < 0 {
		return fault.Field("Time", o.Time, "must be positive, or 0 for 10s")
	}
	dir, err := os.MkdirTemp("", "bestiary-serve-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		return err
	}
	err = model(dir, d)
	d.Close()
	if err != nil {
		return err
	}
	serve := func(batch int, f func(s *server) error) error {
		args := append([]string{"serve", dir, "--listen", "127.0.0.1:0", "--quiet", "--batch", fmt.Sprint(batch)}, o.Device...)
		s, err := start(o.Command, args...)
		if err != nil {
			return err
		}
		defer s.stop()
		if err := s.learn(ctx); err != nil {
			return err
		}
		return f(s)
	}
	r := Report{Name: "serve", Early: o.Early, Requests: o.Requests}
	for _, mode := range []struct {
		name    string
		batch   int
		figures *[]Figures
	}{{"batched", 16, &r.Together}, {"one at a time", 1, &r.Alone}} {
		err := serve(mode.batch, func(s *server) error {
			if _, err := s.press(ctx, 16, o.Time/10, 0); err != nil { // warms up
				return err
			}
			for _, n := range o.Clients {
				fmt.Fprintf(log, "bench: serve: %d clients, %s\n", n, mode.name)
				f, err := s.press(ctx, n, o.Time, 0)
				if err != nil {
					return err
				}
				*mode.figures = append(*mode.figures, f)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if err := serve(16, func(s *server) error { return r.partial(ctx, s, o.Jobs) }); err != nil {
		return err
	}
	fmt.Fprintf(log, "bench: serve: memory after %d and %d requests\n", o.Early, o.Requests)
	if err := serve(16, func(s *server) error { return r.memory(ctx, s) }); err != nil {
		return err
	}
	if o.JSON {
		return json.NewEncoder(out).Encode(r)
	}
	return r.write(out)
}

// partial measures the time to the first partial picture.
func (r *Report) partial(ctx context.Context, s *server, jobs int) error {
	var firsts, wholes []float64
	for range jobs {
		first, whole, err := s.watch(ctx)
		if err != nil {
			return err
		}
		firsts, wholes = append(firsts, first), append(wholes, whole)
	}
	r.First, r.Whole = median(firsts), median(wholes)
	return nil
}

// memory measures the resident memory of a server early and late.
func (r *Report) memory(ctx context.Context, s *server) (err error) {
	if _, err = s.press(ctx, 16, 0, r.Early); err != nil {
		return err
	}
	if r.EarlyBytes, err = s.resident(ctx); err != nil {
		return err
	}
	if _, err = s.press(ctx, 16, 0, r.Requests-r.Early); err != nil {
		return err
	}
	r.Bytes, err = s.resident(ctx)
	return err
}

// write writes a report for people.
func (r *Report) write(out io.Writer) error {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "clients\trequests/s\tp50\tp99\trequests\trefused\tone at a time\tp50\tp99\trequests\tratio\t")
	for i, f := range r.Together {
		a := r.Alone[i]
		fmt.Fprintf(w, "%d\t%.1f\t%s\t%s\t%d\t%d\t%.1f\t%s\t%s\t%d\t%.2f×\t\n",
			f.Clients, f.PerSecond, ms(f.P50), ms(f.P99), f.Requests, f.Refused, a.PerSecond, ms(a.P50), ms(a.P99), a.Requests, f.PerSecond/a.PerSecond)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(&text, "first partial picture after %s, the whole one after %s\n", ms(r.First), ms(r.Whole))
	if r.EarlyBytes != nil && r.Bytes != nil {
		fmt.Fprintf(&text, "memory after %d requests %d MiB, after %d %d MiB (%+.1f %%)\n", r.Early, *r.EarlyBytes>>20, r.Requests, *r.Bytes>>20,
			100*(float64(*r.Bytes)/float64(*r.EarlyBytes)-1))
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func ms(seconds float64) string { return fmt.Sprintf("%.1f ms", 1e3*seconds) }
