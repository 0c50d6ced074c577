package comm

import (
	"strings"
	"testing"
)

// TestLaunched reads the variables of each launcher.
func TestLaunched(t *testing.T) {
	for text, want := range map[string]Place{
		"": {},
		"OMPI_COMM_WORLD_RANK=3 OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_LOCAL_RANK=1 OMPI_COMM_WORLD_LOCAL_SIZE=2 SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=1": {Rank: 3, Size: 4, LocalRank: 1, LocalSize: 2, Launcher: "Open MPI"},
		"PMI_RANK=1 PMI_SIZE=2 MPI_LOCALRANKID=1 MPI_LOCALNRANKS=2":                                                                                     {Rank: 1, Size: 2, LocalRank: 1, LocalSize: 2, Launcher: "MPICH"},
		"SLURM_PROCID=5 SLURM_STEP_NUM_TASKS=8 SLURM_LOCALID=1":                                                                                         {Rank: 5, Size: 8, LocalRank: 1, Launcher: "Slurm"},
		"SLURM_PROCID=0 SLURM_NTASKS=8":                                                                                                                 {}, // a batch script outside of srun
		"RANK=1 WORLD_SIZE=2 LOCAL_RANK=0 LOCAL_WORLD_SIZE=1 MASTER_ADDR=10.0.0.1 MASTER_PORT=2950":                                                     {Rank: 1, Size: 2, LocalSize: 1, Launcher: "torchrun", Address: "10.0.0.1:2950", NoMPI: true},
		"PET_NNODES=4 PET_NPROC_PER_NODE=1 PET_NODE_RANK=2 PET_MASTER_ADDR=job-0 PET_MASTER_PORT=1":                                                     {Rank: 2, Size: 4, LocalSize: 1, Launcher: "Kubeflow", Address: "job-0:1", NoMPI: true},
		"PET_NNODES=4 JOB_COMPLETION_INDEX=3":                                                                                                           {Rank: 3, Size: 4, LocalSize: 1, Launcher: "Kubeflow", NoMPI: true},
		"WORLD_SIZE=1":                                                                                                                                  {},
		"JOB_COMPLETION_INDEX=1":                                                                                                                        {}, // a job of Kubernetes of another kind
		"RANK=1 PMI_RANK=0 PMI_SIZE=2":                                                                                                                  {Size: 2, Launcher: "MPICH"},
	} {
		p, ok, err := Launched(environment(text))
		if err != nil || p != want || ok != (want.Size > 0) {
			t.Errorf("%s: %+v, %v, %v", text, p, ok, err)
		}
	}
	for text, want := range map[string]string{
		"RANK=2 WORLD_SIZE=2":                                    `RANK is "2", and must be a number from 0 to 1`,
		"RANK=0 WORLD_SIZE=many":                                 `WORLD_SIZE is "many"`,
		"PMI_RANK=-1 PMI_SIZE=2":                                 `PMI_RANK is "-1"`,
		"PET_NNODES=2 PET_NPROC_PER_NODE=4 PET_NODE_RANK=0":      "PET_NPROC_PER_NODE",
		"OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=9999999999": "OMPI_COMM_WORLD_SIZE",
		"RANK=1":                 "RANK is set and WORLD_SIZE is not",
		"WORLD_SIZE=2":           "WORLD_SIZE is set and RANK is not",
		"PMI_SIZE=2":             "PMI_SIZE is set and PMI_RANK is not",
		"OMPI_COMM_WORLD_RANK=0": "OMPI_COMM_WORLD_RANK is set and OMPI_COMM_WORLD_SIZE is not",
		"PET_NNODES=2":           "PET_NNODES is set and PET_NODE_RANK is not",
		"PET_NODE_RANK=1":        "PET_NODE_RANK is set and PET_NNODES is not",
	} {
		if _, _, err := Launched(environment(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func environment(text string) func(string) string {
	all := map[string]string{}
	for _, pair := range strings.Fields(text) {
		name, value, _ := strings.Cut(pair, "=")
		all[name] = value
	}
	return func(name string) string { return all[name] }
}
