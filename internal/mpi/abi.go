package mpi

import (
	"fmt"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/dynamic"
)

// abi has the constants of a binary interface that are used here. Handles are ints or pointers.
type abi struct {
	name                  string
	world                 uintptr // MPI_COMM_WORLD
	float, bytes          uintptr // MPI_FLOAT, MPI_BYTE
	sum                   uintptr // MPI_SUM
	errorsReturn          uintptr // MPI_ERRORS_RETURN
	infoNull              uintptr // MPI_INFO_NULL
	inPlace, statusIgnore uintptr // MPI_IN_PLACE, MPI_STATUS_IGNORE
	shared                uintptr // MPI_COMM_TYPE_SHARED
	funneled              int32   // MPI_THREAD_FUNNELED: calls by the thread that has initialized MPI
	handles               int     // bytes of a handle
}

// standard is the interface of MPI 5.0, chapter 20.
var standard = abi{
	name: "the standard interface of MPI 5", world: 0x101, float: 0x210, bytes: 0x247, sum: 0x21, errorsReturn: 0x142, infoNull: 0x130,
	inPlace: 1, statusIgnore: 0, shared: 221, funneled: 1024, handles: 8,
}

// mpich is the interface of MPICH from version 3.1 on, which Intel MPI, MVAPICH and Cray MPICH share.
var mpich = abi{
	name: "MPICH's interface", world: 0x44000000, float: 0x4c00040a, bytes: 0x4c00010d, sum: 0x58000003, errorsReturn: 0x54000001, infoNull: 0x1c000000,
	inPlace: ^uintptr(0), statusIgnore: 1, shared: 1, funneled: 1, handles: 4,
}

// openMPI returns the interface of Open MPI: the handles are addresses of objects.
func openMPI(library uintptr) (abi, error) {
	a := abi{name: "Open MPI's interface", inPlace: 1, statusIgnore: 0, shared: 0, funneled: 1, handles: 8}
	for name, to := range map[string]*uintptr{
		"ompi_mpi_comm_world": &a.world, "ompi_mpi_float": &a.float, "ompi_mpi_byte": &a.bytes, "ompi_mpi_op_sum": &a.sum,
		"ompi_mpi_errors_return": &a.errorsReturn, "ompi_mpi_info_null": &a.infoNull,
	} {
		var err error
		if *to, err = dynamic.Symbol(library, name); err != nil {
			return a, fmt.Errorf("it has no %s", name)
		}
	}
	return a, nil
}

// abiOf chooses the interface by what the library says of itself.
func abiOf(library uintptr, version string, isStandard bool) (abi, error) {
	switch {
	case isStandard:
		return standard, nil
	case strings.Contains(version, "Open MPI"):
		return openMPI(library)
	case strings.Contains(version, "MPICH"), strings.Contains(version, "Intel(R) MPI"), strings.Contains(version, "MVAPICH"):
		return mpich, nil
	}
	return abi{}, fmt.Errorf("it says %q of itself, which is neither Open MPI nor MPICH or a relative of it", version)
}
