package ranks

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/gob"
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Failed is the error of the ranks that have done their part of what another rank has failed to do.
type Failed struct {
	Rank int
	Text string // the other rank's error
}

// Error implements error.
func (e *Failed) Error() string { return fmt.Sprintf("rank %d has failed: %s", e.Rank, e.Text) }

// Evaluators returns the number of ranks that divide what [Divide] computes on d.
func Evaluators(d *tensor.Device) int {
	if g := engine.Evaluators(d); g != nil {
		return g.Place().Size
	}
	return 1
}

// Divide computes something for each of n items in chunks of most, by compute for items lo to hi−1, and returns what it gave, one chunk's
// after the other's. Of the ranks that evaluate together on d, each computes every Size-th chunk and gets what the others computed. The
// chunks don't depend on the number of ranks, so the result is that of one process to the bit. Values of T travel by package gob, which
// keeps exported fields only, and empty slices as nil.
//
// All of these ranks must call it for the same. If compute fails on one, it is an error on all: its own, or a [*Failed]. compute may call
// what itself uses Divide: this is then not divided any further.
func Divide[T any](d *tensor.Device, n, most int, compute func(lo, hi int) ([]T, error)) (all []T, err error) {
	g := engine.Evaluators(d)
	if g == nil {
		for lo := 0; lo < n; lo += most {
			some, err := compute(lo, min(lo+most, n))
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		return all, nil
	}
	own, failed := share(d, n, most, compute)
	parts, err := exchange(g, n, most, own, failed)
	if err != nil {
		return nil, err
	}
	for i := 0; i*most < n; i++ {
		of := parts[i%len(parts)]
		all = append(all, of[i/len(parts)]...)
	}
	return all, nil
}

// share computes this rank's chunks.
func share[T any](d *tensor.Device, n, most int, compute func(lo, hi int) ([]T, error)) (chunks [][]T, err error) {
	defer fault.Catch(&err) // the others wait for this rank
	g := engine.Evaluators(d)
	engine.SetEvaluators(d, nil) // within a chunk, a rank is alone
	defer engine.SetEvaluators(d, g)
	for i := g.Place().Rank; i*most < n; i += g.Place().Size {
		some, err := compute(i*most, min((i+1)*most, n))
		if err != nil {
			return nil, err
		}
		chunks = append(chunks, some)
	}
	return chunks, nil
}

// exchange returns the chunks of all ranks. A message has the numbers of items, of all and of a chunk, and then whether the rank has failed
// and its chunks or its error.
func exchange[T any](g comm.Group, n, most int, own [][]T, failed error) (parts [][][]T, err error) {
	numbers := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(n)), uint64(most)) // #nosec G115 -- counts
	message := bytes.NewBuffer(numbers)
	message.WriteByte(0)
	begin := message.Len()
	if failed == nil {
		failed = gob.NewEncoder(message).Encode(own)
	}
	if failed != nil {
		message.Truncate(begin)
		message.WriteString(failed.Error())
		message.Bytes()[begin-1] = 1
	}
	all, err := comm.Exchange(context.Background(), g, message.Bytes())
	must(err)
	if failed != nil {
		return nil, failed
	}
	for rank, m := range all {
		if len(m) < begin {
			return nil, fmt.Errorf("rank %d does something else than this rank; start all ranks with the same program, command and data", rank)
		}
		if m[begin-1] != 0 {
			return nil, &Failed{rank, string(m[begin:])}
		}
		if !bytes.Equal(m[:begin], all[0][:begin]) {
			items := func(m []byte) uint64 { return binary.LittleEndian.Uint64(m) }
			return nil, fmt.Errorf("rank %d has %d items in chunks of %d to divide where rank 0 has %d in chunks of %d; start all ranks with the same program, command and data",
				rank, items(m), items(m[8:]), items(all[0]), items(all[0][8:]))
		}
	}
	for rank, m := range all {
		var chunks [][]T
		if err := gob.NewDecoder(bytes.NewReader(m[begin:])).Decode(&chunks); err != nil {
			return nil, fmt.Errorf("rank %d sends what this rank can't read (%w); start all ranks with the same program", rank, err)
		}
		parts = append(parts, chunks)
	}
	return parts, nil
}
