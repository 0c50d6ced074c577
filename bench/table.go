package bench

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// writeTable writes results for people: a line with the device and its settings, and aligned columns.
func writeTable(out io.Writer, results []Result) error {
	if len(results) == 0 {
		return nil
	}
	first := results[0]
	var text strings.Builder
	memory := first.memory()
	text.WriteString(first.heading())
	header := []string{"workload", "seconds", "q1–q3", "items/s", "GF/s", "of peak", memory, "garbage", "runs"}
	if v := first.Versus; v != nil {
		text.WriteString(v.heading())
		header = append(header, v.Name, "q1–q3", memory, "runs", "ratio")
	}
	counted := slices.ContainsFunc(results, func(r Result) bool { return r.Parameters > 0 })
	if counted {
		header = append(header, "parameters")
	}
	rows := [][]string{header}
	for _, r := range results {
		row := []string{
			r.Name, seconds(r.Seconds), seconds(r.SecondsQ1) + "–" + seconds(r.SecondsQ3), fmt.Sprintf("%.4g", r.ItemsPerSecond),
			fmt.Sprintf("%.1f", r.GFlops), percent(r.PeakFraction), mebibytes(r.PeakBytes), fmt.Sprintf("%.1f kB", float64(r.AllocatedBytes)/1e3),
			fmt.Sprint(r.Runs),
		}
		switch v := r.Versus; {
		case v != nil && v.Impossible != "":
			row = append(row, "–", "–", "–", "–", "–")
		case v != nil:
			row = append(row, seconds(v.Seconds), seconds(v.SecondsQ1)+"–"+seconds(v.SecondsQ3), mebibytes(v.PeakBytes),
				fmt.Sprint(v.Runs), fmt.Sprintf("%.2f×", v.Ratio))
		}
		if counted {
			row = append(row, parameters(r))
		}
		rows = append(rows, row)
	}
	align(&text, rows)
	for _, r := range results {
		if v := r.Versus; v != nil && v.Form != "" {
			fmt.Fprintf(&text, "%s computes %s with %s\n", v.Name, r.Name, v.Form)
		}
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// heading is the line with the device and its settings, and before it one with the processor that computes.
func (r Result) heading() string {
	where, processor := fmt.Sprintf("threads: %d", r.Threads), ""
	switch {
	case r.GPU != "":
		where = r.GPU
	case r.Processor != "":
		processor = r.Processor + "\n"
	}
	return fmt.Sprintf("%s%s, %s, precision: %s\n", processor, r.Device, where, r.Precision)
}

// memory is the heading of the column with the memory.
func (r Result) memory() string {
	if r.GPU != "" {
		return "GPU memory"
	}
	return "memory"
}

// heading is the line with the peer and its settings.
func (v *PeerResult) heading() string {
	return fmt.Sprintf("beside %s %s (%s), threads: %d, BLAS: %s, precision: %s\n", v.Name, v.Version, cmp.Or(v.Python, v.Go), v.Threads, v.BLAS, v.Precision)
}

// parameters prints the number of parameters of a flow, and that of the peer's.
func parameters(r Result) string {
	switch {
	case r.Parameters == 0:
		return "–"
	case r.Versus == nil || r.Versus.Parameters == 0:
		return fmt.Sprint(r.Parameters)
	}
	return fmt.Sprintf("%d and %d", r.Parameters, r.Versus.Parameters)
}

// align writes rows of equal length in columns, the first aligned left and the others right.
func align(text *strings.Builder, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		for i, cell := range row {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				text.WriteString(cell + space)
			} else {
				text.WriteString("  " + space + cell)
			}
		}
		text.WriteByte('\n')
	}
}

func seconds(s float64) string { return fmt.Sprintf("%#.3g", s) }

func percent(fraction *float64) string {
	if fraction == nil {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", 100**fraction)
}

func mebibytes(bytes *int64) string {
	if bytes == nil {
		return "–"
	}
	return fmt.Sprintf("%.0f MiB", float64(*bytes)/(1<<20))
}
