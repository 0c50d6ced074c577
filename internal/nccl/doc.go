// Package nccl runs collective operations between GPUs over NVIDIA's NCCL 2.10 or later, which it opens at run time: no cgo, and no
// library at build time. Names, numbers and structs are those of nccl.h of NCCL 2.14 to 2.32.
//
// Rank 0 makes an [ID], which reaches the other ranks over MPI or by comm.Place.Share. All ranks [Library.Join] with it.
// [Communicator.Start] queues operations in a CUDA stream, and [Communicator.Wait] waits for the stream.
//
// From NCCL 2.14 on, no call waits for another rank: it begins, and ncclCommGetAsyncError says when it has ended. So a rank
// that never comes or dies is an error when the context ends, instead of a program that hangs. NCCL itself notices a peer
// that is lost over the network, but not one on the same machine. After an error, the communicator is aborted, which ends its
// kernels; only a new one can be used then.
package nccl
