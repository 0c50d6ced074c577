// Package comm is what the processes of one training, its ranks, know of each other: where a launcher has put each of them, and
// the collective operations between them. Package mpi has these over MPI.
package comm

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Place is where a launcher has put this process.
type Place struct {
	Rank, Size           int    // among all processes
	LocalRank, LocalSize int    // among those on this machine; LocalSize 0: the launcher doesn't say
	Launcher             string // "Open MPI"
	Address              string // host:port of rank 0, if the launcher names one
	NoMPI                bool   // the launcher starts processes for other libraries than MPI
}

// launcher is a family of environment variables.
type launcher struct {
	name                               string
	rank, size, localRank, localSize   string
	address, port                      string
	noMPI                              bool
	nodes, perNode, nodeRank, jobIndex string // for launchers that count machines
}

// launchers are those that are looked for, the more specific first: Slurm also sets its variables around mpirun.
var launchers = []launcher{
	{name: "Open MPI", rank: "OMPI_COMM_WORLD_RANK", size: "OMPI_COMM_WORLD_SIZE", localRank: "OMPI_COMM_WORLD_LOCAL_RANK", localSize: "OMPI_COMM_WORLD_LOCAL_SIZE"},
	{name: "MPICH", rank: "PMI_RANK", size: "PMI_SIZE", localRank: "MPI_LOCALRANKID", localSize: "MPI_LOCALNRANKS"},
	{name: "Slurm", rank: "SLURM_PROCID", size: "SLURM_STEP_NUM_TASKS", localRank: "SLURM_LOCALID", localSize: ""},
	{name: "torchrun", rank: "RANK", size: "WORLD_SIZE", localRank: "LOCAL_RANK", localSize: "LOCAL_WORLD_SIZE", address: "MASTER_ADDR", port: "MASTER_PORT", noMPI: true},
	{name: "Kubeflow", nodes: "PET_NNODES", perNode: "PET_NPROC_PER_NODE", nodeRank: "PET_NODE_RANK", jobIndex: "JOB_COMPLETION_INDEX", address: "PET_MASTER_ADDR", port: "PET_MASTER_PORT", noMPI: true},
}

// Launched returns where a launcher has put this process, according to the environment. Without a launcher, ok is false. Variables that
// make no sense, or of which a part is missing, are an error that names them.
func Launched(getenv func(name string) string) (p Place, ok bool, err error) {
	for _, l := range launchers {
		if p, ok, err = l.place(getenv); ok || err != nil {
			return p, ok, err
		}
	}
	for _, l := range launchers {
		if err := l.half(getenv); err != nil {
			return Place{}, false, err
		}
	}
	return Place{}, false, nil
}

// half returns an error if the environment has a rank without the number of ranks, or the number without a rank: ranks that each believe to
// be alone would train the same model. Slurm sets its rank in batch scripts, too, and Kubernetes an index in jobs of any kind.
func (l launcher) half(getenv func(string) string) error {
	rank, size := l.rank, l.size
	if l.nodes != "" {
		rank, size = l.nodeRank, l.nodes
	}
	there, missing := rank, size
	switch {
	case l.name == "Slurm", (getenv(rank) == "") == (getenv(size) == ""), strings.TrimSpace(getenv(size)) == "1":
		return nil
	case getenv(rank) == "":
		there, missing = size, rank
	}
	return fmt.Errorf("the environment variable %s is set and %s is not; a launcher sets both, so start again by it or unset the variable", there, missing)
}

// place reads the variables of a launcher; ok is false if it hasn't set them.
func (l launcher) place(getenv func(string) string) (p Place, ok bool, err error) {
	r := reader{getenv: getenv}
	p.Launcher, p.NoMPI = l.name, l.noMPI
	if l.nodes != "" {
		return l.nodePlace(getenv)
	}
	if getenv(l.rank) == "" || getenv(l.size) == "" {
		return Place{}, false, nil
	}
	p.Size = r.number(l.size, 1, maxRanks)
	p.Rank = r.number(l.rank, 0, p.Size-1)
	if l.localSize != "" && getenv(l.localSize) != "" {
		p.LocalSize = r.number(l.localSize, 1, p.Size)
	}
	if getenv(l.localRank) != "" {
		p.LocalRank = r.number(l.localRank, 0, p.Size-1)
	}
	p.Address = address(getenv, l)
	return p, true, r.err
}

// nodePlace reads the variables of a launcher that starts one process on each machine.
func (l launcher) nodePlace(getenv func(string) string) (p Place, ok bool, err error) {
	rank := l.nodeRank
	if getenv(rank) == "" {
		rank = l.jobIndex
	}
	if getenv(l.nodes) == "" || getenv(rank) == "" {
		return Place{}, false, nil
	}
	if each := getenv(l.perNode); each != "" && each != "1" && each != "auto" {
		return Place{}, false, fmt.Errorf("%s is %q, and this program starts no processes itself; start that many on each machine with mpirun or torchrun, or set it to 1", l.perNode, each)
	}
	r := reader{getenv: getenv}
	p = Place{Launcher: l.name, NoMPI: l.noMPI, LocalSize: 1, Address: address(getenv, l)}
	p.Size = r.number(l.nodes, 1, maxRanks)
	p.Rank = r.number(rank, 0, p.Size-1)
	return p, true, r.err
}

// maxRanks is the largest number of ranks.
const maxRanks = 1 << 20

// reader reads numbers and keeps the first error.
type reader struct {
	getenv func(string) string
	err    error
}

func (r *reader) number(name string, least, most int) int {
	text := strings.TrimSpace(r.getenv(name))
	n, err := strconv.Atoi(text)
	if r.err == nil && (err != nil || n < least || n > most) {
		r.err = fmt.Errorf("the environment variable %s is %q, and must be a number from %d to %d; the launcher sets it, so start again by it or unset the variable", name, text, least, most)
	}
	return n
}

func address(getenv func(string) string, l launcher) string {
	if l.address == "" || getenv(l.address) == "" || getenv(l.port) == "" {
		return ""
	}
	return net.JoinHostPort(strings.Trim(getenv(l.address), "[]"), getenv(l.port)) // an IPv6 address may have brackets
}
