// Package flows has normalizing flows: distributions of rows with an exact density, which are trained by maximum likelihood
// and sampled in one pass.
//
// # Mathematics
//
// A flow is an invertible map f from data x to latent rows z = f(x), which are standard normal under the model. By the change
// of variables, the density of x is
//
//	log p(x) = log N(f(x); 0, I) + log|det ∂f/∂x|
//
// Training minimizes the mean of −log p(x) over the data ([Flow.NLL]). Sampling draws z from N(0, I) and returns x = f⁻¹(z)
// ([Flow.Sample]). f is a composition of bijections f₁, f₂, …, whose log-determinants add up:
//
//	log|det ∂f/∂x| = Σᵢ log|det ∂fᵢ/∂xᵢ|    where x₁ = x, xᵢ₊₁ = fᵢ(xᵢ)
//
// so each of them needs a Jacobian with a determinant that is easy to compute. A coupling layer passes some columns xₚ, and
// transforms the others elementwise with parameters that are functions of xₚ: its Jacobian is triangular. Its inverse
// computes the same parameters, since xₚ is known. Between couplings, permutations exchange the columns, and normalization
// keeps deep flows trainable.
//
// # Contents
//
// A [Spec] names layers and a base distribution, and [New] builds the flow: [NSF], [MAF], [IAF], [RealNVPSpec], [CFM] and [Torus]
// return the usual ones. The bijections are couplings and autoregressive layers of any monotone map ([NewCoupling],
// [NewAutoregressive]; [Affine], [Spline]), linear maps ([LU], [QR], [Householder]), [Permutation], [BatchNorm], [ActNorm],
// [Standardize], [Bounded], [NewGlow], [Continuous] and compositions of them ([Sequential]). A [Flow] adds the base distribution:
// [Normal], [Diagonal], [Mixture] or [Box]. [RealNVP] is the flow of Dinh, Sohl-Dickstein & Bengio, "Density
// estimation using Real NVP" (2017, arXiv:1605.08803), conditional on a class. Package flowtest checks bijections, those of
// other packages too. Printing a flow gives its layers, shapes and parameters.
//
// For an introduction see Papamakarios et al., "Normalizing Flows for Probabilistic Modeling and Inference" (2021,
// arXiv:1912.02762).
package flows
