// Package peer is the other side of `bestiary bench --vs` for frameworks in Go: a process that prepares named workloads
// and times them on command. It has no dependencies, so a peer's module needs only this package and its framework.
//
// It reads commands from the standard input, one on each line, and answers each with a line of JSON:
//
//	(start)         {"version": "v0.9.18", "threads": 2, "blas": "gonum", "go": "go1.26.8"}
//	prepare NAME    {"prepared": NAME}                      builds the model and warms it up
//	run SECONDS     {"seconds": [...], "peak_bytes": N}     times whole iterations for about that long, at least one
//
// The answer for a workload that the framework lacks is {"impossible": "why"}, and for an error {"error": "..."}. The
// process ends at the end of its input. torch/peer.py implements the same protocol.
package peer
