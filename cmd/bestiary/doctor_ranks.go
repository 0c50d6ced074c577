package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/mpi"
	"github.com/bestiary-ml/bestiary/internal/nccl"
)

// sumWait is how long the ranks have to join and to add ones.
const sumWait = time.Minute

// addOnes says which MPI library there is. If a launcher has started several processes, they add ones.
func addOnes(ctx context.Context) (p comm.Place, text string, err error) {
	p, launched, err := comm.Launched(os.Getenv)
	if err != nil {
		return p, "", err
	}
	if !launched {
		version, path, err := mpi.Find("")
		if err != nil {
			return p, "none: " + err.Error(), nil
		}
		return p, version + " (" + path + "), started without a launcher", nil
	}
	if p.NoMPI {
		return p, fmt.Sprintf("rank %d of %d, started by %s without MPI: ranks can train together on GPUs, by NCCL", p.Rank, p.Size, p.Launcher), nil
	}
	ctx, cancel := context.WithTimeout(ctx, sumWait)
	defer cancel()
	w, err := mpi.Open(ctx, p)
	if err != nil {
		return p, "", err
	}
	ones := []float32{1}
	if err := w.AllReduce(ctx, ones).Wait(); err != nil {
		return p, "", fmt.Errorf("%s: the ranks can't add: %w", p.Launcher, err)
	}
	p = w.Place()
	version, path := w.Version()
	text = fmt.Sprintf("%s (%s): %s, %d on this machine, started by %s; the sum of their ones is %v", version, path, count(p.Size, "rank"), p.LocalSize, p.Launcher, ones[0])
	return p, text, w.Close()
}

// collectives says which NCCL there is.
func collectives() string {
	l, err := nccl.Open()
	if err != nil {
		return "none: " + err.Error()
	}
	number, path := l.Version()
	return number + " (" + path + ")"
}
