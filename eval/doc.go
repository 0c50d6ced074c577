// Package eval measures the pipelines of package sample on pictures that they were not trained on.
//
//	MeasureReconstruction  mean squared error and PSNR of an autoencoder
//	MeasureDensity         negative log-likelihood of a flow, and its accuracy as a classifier
//	MeasureNearest         nearest-neighbour distances, which show whether samples are copies of training pictures
//	MeasureVAE             reconstruction of a discrete VAE, and use of its codebook
//	MeasureDALLE           cross-entropy of captions and codes
//	MeasureCLIP            retrieval of pictures by captions and of captions by pictures
//	MeasureGenerated       CLIP scores of generated pictures
//
// [EvaluateFlow] and [EvaluateTextToImage] measure everything that a pipeline has models for. The results are structs
// that encoding/json writes. All functions end early when their context ends, and take turns on the device with other
// callers batch by batch.
package eval
