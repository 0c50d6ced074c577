// Command gorgonia is the peer of `bestiary bench --vs gorgonia`: the named workloads that Gorgonia supports, in the form
// that its tape machine runs fastest. Products are Gonum's, Gorgonia's default.
package main

import (
	"github.com/bestiary-ml/bestiary/bench/peer"
)

const (
	noTransposed = "Gorgonia has no transposed convolution"
	noAttention  = "Gorgonia has no LayerNorm and no GELU, and no product of a batch of sequences with weights"
)

func main() {
	peer.Serve(peer.Framework{
		Module: "gorgonia.org/gorgonia",
		BLAS:   "Gonum",
		Workloads: map[string]func() (func() error, error){
			"gemm/1024":          func() (func() error, error) { return gemm(1024) },
			"realnvp/train/b32":  func() (func() error, error) { return trainFlow(32) },
			"realnvp/train/b256": func() (func() error, error) { return trainFlow(256) },
		},
		Impossible: map[string]string{
			"autoencoder/": noTransposed, "pets/": noTransposed, "dvae/": noTransposed, "dalle/": noAttention,
		},
	})
}
