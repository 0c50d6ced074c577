// Package mpi runs the collective operations of [comm] over the MPI library of the machine, which it opens at run time: no cgo,
// and no library at build time.
//
// Three binary interfaces are known. The standard one of MPI 5.0 (libmpi_abi.so) and MPICH's, which Intel MPI and others share,
// have constants for handles; Open MPI's handles are addresses of objects of the library. Which one it is says
// MPI_Get_library_version.
//
// All calls of MPI are made by one thread, which a [World] keeps. Collective operations are those that don't block, and are
// tested for their end: so a rank that hangs is noticed, and a waiting rank leaves the processors to those that compute.
// Between operations and while it waits, the thread sends and receives heartbeats, which show that a rank is alive: see World.Watch.
package mpi
