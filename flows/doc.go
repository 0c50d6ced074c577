// Package flows has normalizing flows: invertible maps between data and noise that know by how much they stretch
// space, and therefore the density of what they generate.
//
// A flow maps a row x to z = f(x), which it wants to be standard normal. By the change of variables
//
//	log p(x) = log N(z; 0, I) + log|det ∂f/∂x|
//
// it is trained by maximum likelihood and sampled by x = f⁻¹(z). The maps are [Bijection]s: [AffineCoupling],
// [Permutation], [BatchNorm], [ActNorm], [Standardize] and sequences of them ([Sequential]); a [Flow] adds the base
// distribution, and [RealNVP] is the flow of Dinh, Sohl-Dickstein & Bengio, "Density estimation using Real NVP"
// (2017, arXiv:1605.08803), conditional on a class. Package flowtest checks bijections, one's own too.
//
// Papamakarios et al., "Normalizing Flows for Probabilistic Modeling and Inference" (2021, arXiv:1912.02762), is an
// introduction.
package flows
