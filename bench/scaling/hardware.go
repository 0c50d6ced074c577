package scaling

// GPU has the published figures of a GPU.
type GPU struct {
	Name       string
	Peak       float64 // products of bfloat16 without sparsity, operations per second
	Memory     float64 // bytes
	MemoryRate float64 // bytes per second
	NVLink     float64 // bytes per second in each direction
}

// GPUs are the GPUs that are known. Data sheets give NVLink for both directions together, and the operations of Hopper with
// sparsity, which doubles them.
var GPUs = []GPU{
	// https://www.nvidia.com/en-us/data-center/h100/: SXM, 1,979 TFLOPS with sparsity, 80 GB, 3.35 TB/s, NVLink 4 with 900 GB/s.
	{Name: "h100", Peak: 989.5e12, Memory: 80e9, MemoryRate: 3.35e12, NVLink: 450e9},
	// https://www.nvidia.com/en-us/data-center/h200/: SXM, 1,979 TFLOPS with sparsity, 141 GB, 4.8 TB/s, NVLink 4 with 900 GB/s.
	{Name: "h200", Peak: 989.5e12, Memory: 141e9, MemoryRate: 4.8e12, NVLink: 450e9},
	// https://www.nvidia.com/en-us/data-center/a100/: 80GB SXM, 312 TFLOPS, 80 GB, 2,039 GB/s, NVLink 3 with 600 GB/s.
	{Name: "a100", Peak: 312e12, Memory: 80e9, MemoryRate: 2.039e12, NVLink: 300e9},
}

// Link has the published figures of a network between machines.
type Link struct {
	Name string
	Rate float64 // bytes per second in each direction, for each GPU
}

// Links are the networks that are known.
var Links = []Link{
	// InfiniBand NDR, 400 Gb/s; a DGX H100 or H200 has eight adapters, one for each GPU:
	// https://docs.nvidia.com/dgx-basepod/reference-architecture-infrastructure-foundation-enterprise-ai/latest/core-components.html
	{Name: "ndr400", Rate: 400e9 / 8},
	// InfiniBand HDR, 200 Gb/s; a DGX A100 has eight adapters: https://docs.nvidia.com/dgx/dgxa100-user-guide/introduction-to-dgxa100.html
	{Name: "hdr200", Rate: 200e9 / 8},
	// Ethernet with 100 Gb/s (IEEE 802.3ba), one port that the eight GPUs of a machine share.
	{Name: "ethernet100", Rate: 100e9 / 8 / perMachine},
}

// perMachine is the number of GPUs of a DGX or HGX machine.
const perMachine = 8

// Latencies of NCCL's ring algorithm with its protocol "Simple", seconds, as its model for tuning has them: baseLat and hwLat in
// https://github.com/NVIDIA/nccl/blob/01afd20a77b5804e0ecf1042509dd9d20ebf9e93/src/graph/tuning.cc
const (
	baseLatency    = 8.4e-6 // of a collective operation
	insideLatency  = 3.4e-6 // of a step over NVLink
	betweenLatency = 9.6e-6 // of a step over the network
)

// Bytes of a parameter. All are float32; Adam keeps two moments.
const (
	weightBytes   = 4
	gradientBytes = 4
	momentBytes   = 8
	// An update reads the weight, the gradient and the moments, and writes the weight and the moments.
	updateBytes = 28
)
