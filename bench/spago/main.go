// Command spago is the peer of `bestiary bench --vs spago`: the named workloads that spaGO supports. Its operations run on
// one thread, so work that can be divided is divided here, with one goroutine per thread.
package main

import (
	"runtime"

	"github.com/bestiary-ml/bestiary/bench/peer"
)

const (
	noTransposed = "spaGO has no transposed convolution"
	noBatches    = "spaGO's attention takes one sequence at a time, and it has no rotary embeddings"
)

func main() {
	peer.Serve(peer.Framework{
		Module: "github.com/nlpodyssey/spago",
		BLAS:   "Gonum's kernels",
		Workloads: map[string]func() (func() error, error){
			"gemm/1024":          func() (func() error, error) { return gemm(1024, runtime.GOMAXPROCS(0)) },
			"realnvp/train/b32":  func() (func() error, error) { return trainFlow(32) },
			"realnvp/train/b256": func() (func() error, error) { return trainFlow(256) },
		},
		Impossible: map[string]string{
			"autoencoder/": noTransposed, "pets/": noTransposed, "dvae/": noTransposed, "dalle/": noBatches,
		},
	})
}
