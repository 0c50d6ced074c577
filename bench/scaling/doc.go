// Package scaling predicts how data-parallel training scales over GPUs. Nothing is measured: the time of a step is simulated from
// published figures of GPUs and links, a layer and a bucket of gradients at a time.
//
// What is simulated: the forward and backward pass layer by layer, with the activations of blocks computed again in the backward
// pass; collective operations that wait for each other on one queue, as ring algorithms over two levels, NVLink inside of a
// machine and a network between machines; the stages of ZeRO (Rajbhandari et al., 2020); the slowest of the GPUs. What is left
// out: reading batches, launches of kernels, checkpoints, traffic of others, tree algorithms. Links run at their rated speed, so the times of
// collective operations are lower bounds for rings.
package scaling
