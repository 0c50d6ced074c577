// Package bench measures the named workloads of the models, alone or beside another framework in the same run.
//
// Each workload is warmed up and then timed in turns: an FMA loop that measures the processor's peak, our code, the
// peer's code, and again. So a machine that slows down slows all of them. The figures of a [Result] are medians over
// single iterations, with quartiles:
//
//   - seconds: median duration of an iteration; seconds_q1, seconds_q3, seconds_min: its spread;
//   - gflops: floating-point operations per second in products and convolutions, counted from the shapes of the kernels
//     that run, two for each multiply-add, without the taps of a convolution outside of the picture;
//   - peak_fraction: gflops over the median rate of the FMA loop on as many threads, in the widest vectors that the
//     processor has, whatever kernel set is measured; products in bfloat16 at precision medium may exceed it;
//   - peak_bytes: highest resident memory of the process during the workload and its preparation. On Linux the kernel's
//     high-water mark is reset before each workload; elsewhere the figure is missing;
//   - allocated_bytes: memory that Go allocated in an iteration, for the garbage collector to free.
//
// On a GPU an iteration ends when the GPU has finished. There is no FMA loop and no peak_fraction; peak_bytes is the highest
// GPU memory in use after the warm-up, as cuda.Device.PeakBytes counts it.
//
// A peer has a process of its own for each workload: PyTorch with the scripts in torch/, or one of the modules gorgonia/,
// gomlx/ and spago/. These are built from the checkout on demand, so that the main module doesn't depend on the frameworks.
// A workload that a peer lacks is skipped with the reason.
//
// PyTorch is three peers: torch is eager; torch-compile compiles each loss or inference function by torch.compile with its
// defaults; torch-cached generates with a KV cache, where torch computes the whole sequence again for each code, as the
// reference does. Beside a GPU PyTorch computes on the same card at the same precision: "highest" without TF32 in products and
// convolutions, "high" and "medium" with TF32 and set_float32_matmul_precision of that name. Its peak_bytes there is
// torch.cuda.max_memory_allocated, reset when the workload is warmed up. On the processor PyTorch computes in float32.
//
// zuko 1.6.0 and nflows 0.14 are libraries of flows over PyTorch, measured eager and on the processor. They share the workloads
// density/…: the same layers, hidden layers and bins on both sides. Both numbers of parameters are reported, and a difference is
// an error.
package bench
