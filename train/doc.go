// Package train is what all trainings have in common: Adam, learning-rate schedules, averaged weights, the loop with its
// checkpoints and reports.
//
// A [Task] says what is trained, on which batches, and how a batch becomes a loss; [Config] says how. [Run] brings them
// together in a run folder:
//
//	weights, Adam's moments, generators, position in the data, schedule  →  checkpoint  →  the same again, to the bit
//
// so that a run which was interrupted, or killed, ends with the weights of one that was not.
package train
