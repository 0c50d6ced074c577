// Command gomlx is the peer of `bestiary bench --vs gomlx`: the named workloads that GoMLX supports on its Go backend.
// Package bench builds it with GOEXPERIMENT=simd, which enables GoMLX's vector instructions.
package main

import (
	"github.com/bestiary-ml/bestiary/bench/peer"
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
)

// GoMLX runs operations in parallel, or one after the other on all threads each. Parallel operations are faster for small
// products, but large products deadlock: they wait for each other's workers.
var several, oneByOne = newBackend(""), newBackend("ops_sequential")

func newBackend(options string) compute.Backend {
	b, err := gobackend.New(options)
	if err != nil {
		panic(err)
	}
	return b
}

func main() {
	peer.Serve(peer.Framework{
		Module: "github.com/gomlx/gomlx",
		BLAS:   "its backend in Go",
		Workloads: map[string]func() (func() error, error){
			"gemm/1024":                         func() (func() error, error) { return gemm(1024) },
			"autoencoder/train/b32":             func() (func() error, error) { return trainAutoencoder(32) },
			"pets/sample/64":                    func() (func() error, error) { return samplePets(64) },
			"realnvp/train/b32":                 func() (func() error, error) { return trainFlow(several, 32) },
			"realnvp/train/b256":                func() (func() error, error) { return trainFlow(oneByOne, 256) },
			"dvae/train/128px-h64-k512-b8":      func() (func() error, error) { return trainDVAE(64, 1, 512, 8) },
			"dvae/train/128px-h256-k1024-b8":    func() (func() error, error) { return trainDVAE(256, 2, 1024, 8) },
			"dalle/train/128px-v2048-k1024-b4":  func() (func() error, error) { return trainDALLE(4, 2048, 64, 1024, 16) },
			"dalle/train/256px-v49408-k8192-b4": func() (func() error, error) { return trainDALLE(4, 49408, 256, 8192, 32) },
		},
	})
}
