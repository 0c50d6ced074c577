// Package eval measures the pipelines of package sample on pictures that they were not trained on.
//
//	MeasureReconstruction  mean squared error and PSNR of an autoencoder
//	MeasureDensity         negative log-likelihood of a flow, and its accuracy as a classifier
//	MeasureNearest         nearest-neighbour distances, which show whether samples are copies of training pictures
//	MeasureCodec           reconstruction of a discrete VAE or another codec, and use of its codebook
//	MeasureDALLE           cross-entropy of captions and codes
//	MeasureCLIP            retrieval of pictures by captions and of captions by pictures
//	MeasureGenerated       CLIP scores of generated pictures
//	MeasureClassifier      accuracy and confusion matrix of a classifier
//	Reference.Measure      pictures of any generator against held-out photos, with confidence intervals and the floor:
//	                       Fréchet distance, precision and recall, density and coverage, class, attributes, retrieval, copies
//
// [EvaluateFlow] and [EvaluateTextToImage] measure all models of a pipeline. The results are structs for encoding/json.
// All functions end early when their context ends, and take turns on the device with other callers batch by batch.
//
// A model that the pipeline lacks is a [*fault.Missing]. Pictures that don't fit the models, or that lack what a
// measurement needs, are a [*fault.FieldError]. Other errors are those of the pipeline.
package eval
