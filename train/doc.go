// Package train has what all trainings have in common: batches, Adam, learning-rate schedules, averaged weights, and the
// loop with its checkpoints and reports.
//
// A batch goes one way: a [Source] yields it, the loop of [Run] hands it to the loss of a [Task]. Any type with a length
// is a [Batch]; this package has [PictureBatch], [CaptionedBatch] and [RowBatch]. [Config] has the settings:
//
//	task := train.Task[train.RowBatch]{
//		Model: "line", Module: model, Source: source,
//		Loss: func(batch train.RowBatch) (*tensor.Tensor, *train.Figures) {
//			return model.Forward(batch.Tensor(device)).Square().Mean(), nil
//		},
//	}
//	result, err := train.Run(ctx, "runs/line", task, config, train.Options{})
//
// A checkpoint has the weights, Adam's moments, the states of the generators, the position in the data and the state of
// the schedule. A run that was interrupted or killed, and resumed, ends with the same weights to the bit as one that was
// not. [Verify] checks the files of a run folder.
//
// The parts also work in a loop by hand: [Adam], [ClipScale], [Schedule], [Average].
package train
