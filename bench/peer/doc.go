// Package peer is the other side of `bestiary bench --vs` for frameworks in Go: a process that prepares named workloads
// and times them on command. It has no dependencies, so that a peer's module needs this one and its framework only.
//
// Commands come from standard input, one a line, and each is answered with a line of JSON:
//
//	(start)         {"version": "v0.9.18", "threads": 2, "blas": "gonum", "go": "go1.26.8"}
//	prepare NAME    {"prepared": NAME}                      builds the model and warms it up
//	run SECONDS     {"seconds": [...], "peak_bytes": N}     times whole iterations for about that long, at least one
//
// A workload that the framework lacks the means for is answered with {"impossible": "why"}, an error with
// {"error": "..."}. The process ends with its standard input. torch/peer.py speaks the same.
package peer
