// Package tarflow is a transformer autoregressive flow: a normalizing flow over the latent maps of an autoencoder, whose
// steps are causal transformers (TarFlow: Zhai et al., 2024, "Normalizing Flows are Capable Generative Models",
// arXiv:2412.06329).
//
// A latent map [h, w, c] is cut into T tokens of D numbers, row by row. Block b maps the tokens x₁…x_T, in its own order,
// to z₁…z_T, where a causal transformer computes shift and log-scale of a token from the tokens before it and the class:
//
//	μ_t, a_t = transformer(x_1 … x_{t−1}, class)
//	s_t = B·tanh(a_t/B)                  soft bound B = Config.LogScale
//	z_t = (x_t − μ_t)·exp(−s_t)          log|det ∂z/∂x| = −Σ s_t
//
// Every second block reads the tokens in reverse order. The blocks one after the other map data to noise, so the
// log-density of a latent map is exact:
//
//	log p(x | class) = log N(z; 0, I) + Σ_b log|det_b| − h·w·Σ log std
//
// where std standardizes the channels (see [Flow.Fit]). Sampling inverts the blocks, x_t = z_t·exp(s_t) + μ_t, one token
// after the other with a KV cache, or all tokens together by fixed-point iteration (see [Inversion]).
//
// The first block in the direction of sampling is deep and the others are shallow (STARFlow: Gu et al., 2025,
// arXiv:2506.06276). Training adds noise to the latents; [Flow.Denoise] removes it from samples by one step along the
// score. Classifier-free guidance acts on μ and a of every block.
//
// # Why nothing overflows
//
// The transformer ends in a layer normalization, so |μ| ≤ √Dim·‖W‖ + |bias| for any input, and |s| < B. Hence a block grows a
// value at most by the factor e^B plus a constant, and shrinks it at most by e^−B. Config.Validate keeps the product of
// all blocks within e^32 = 8·10¹³, whose square, which layer normalization computes, is far from the largest float32.
// Guidance acts before the bound.
package tarflow
