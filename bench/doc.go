// Package bench measures the named workloads of the models, alone or beside another framework in the same run.
//
// Each workload is warmed up and then timed in turns: the FMA loop that tells the processor's peak, ours, the peer's,
// and again, so that a machine that slows down slows all of them. What is reported are medians over
// single iterations, with quartiles. The figures of a [Result]:
//
//   - seconds: median duration of an iteration; seconds_q1, seconds_q3, seconds_min: its spread;
//   - gflops: floating-point operations a second in products and convolutions, counted from the shapes of the kernels
//     that really run, two a multiply-add, without a convolution's taps outside the picture;
//   - peak_fraction: gflops over the median rate of the FMA loop on as many threads, in the widest vectors that the
//     processor has, whatever kernel set is measured; bfloat16's products at precision medium may exceed it;
//   - peak_bytes: highest resident memory of the process during the workload, its preparation included. On Linux the
//     kernel's mark is reset before each workload; elsewhere the figure is missing;
//   - allocated_bytes: memory that Go allocated in an iteration, which the collector has to find again.
//
// On a GPU an iteration ends when the GPU has done its work. There is no FMA loop, and so no share of a peak; peak_bytes is
// the GPU's memory in use at once since the workload was prepared and warmed up, as cuda.Device.PeakBytes counts it.
//
// A peer has a process of its own for each workload: PyTorch with the scripts in torch/, or one of the modules gorgonia/,
// gomlx/ and spago/, which are built from the checkout when they are wanted, so that the main module doesn't depend on
// them. What a peer can't do is left out with the reason.
//
// PyTorch is three peers: torch is eager; torch-compile gives each loss, or function of inference, to torch.compile, with its
// defaults; torch-cached generates with a cache, where torch computes the whole sequence anew for each code, as the reference
// does. Beside a GPU PyTorch computes on the same card at the same precision: "highest" without TF32 in products and
// convolutions, "high" and "medium" with it, and set_float32_matmul_precision says the rest. Its peak_bytes there is
// torch.cuda.max_memory_allocated, reset when the workload is warmed up. On the processor PyTorch computes in float32.
package bench
