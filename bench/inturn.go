package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// inTurn measures workloads one after the other, and names each in log. With lines, it writes each result to out as a line of JSON.
func inTurn[W, R any](ctx context.Context, chosen []W, name func(W) string, measure func(W) (R, error), lines bool, out, log io.Writer) (results []R, err error) {
	for i, w := range chosen {
		fmt.Fprintf(log, "bench: %d of %d: %s\n", i+1, len(chosen), name(w))
		r, err := measure(w)
		if ctx.Err() != nil { // also the reason why a peer has stopped
			return nil, fmt.Errorf("bench: stopped during %s: %w", name(w), ctx.Err())
		}
		if err != nil {
			return nil, err
		}
		results = append(results, r)
		if lines {
			line, err := json.Marshal(r)
			if err != nil {
				return nil, err
			}
			if _, err := fmt.Fprintf(out, "%s\n", line); err != nil {
				return nil, err
			}
		}
	}
	return results, nil
}
