package tasks

import (
	"context"
	"math"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tarflow"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// TarFlow trains a transformer flow on the latent maps of pictures, which a trained KL autoencoder makes, and evaluates it
// on held-out pictures (nil: no evaluation). Each picture is encoded unchanged and in how.Views random views; the latents
// of all stay in memory. Encoding takes a while and stops when the context ends. The pictures must have the classes of the
// description, in its order.
//
// The loss is in nats per number of a latent map. Evaluations give it for held-out pictures, "loss", also in nats of a
// whole map, "nll_nats", and in bits per number, "bits_per_dim"; and how often the class with the largest ln p(x | class)
// is right, "accuracy", and with the frequencies of the classes in training added, "accuracy_with_prior". All are of
// latents with the noise of the training, as the flow models them.
func TarFlow(ctx context.Context, d *tensor.Device, c tarflow.Config, how sample.TarFlowOptions, kl *vqgan.Model, description data.Description, training, heldOut *data.Dataset, o Options) (model *tarflow.Flow, task *train.Task[train.RowBatch], err error) {
	defer fault.Catch(&err)
	device, err := take(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	defer device.end()
	if kl == nil {
		return nil, nil, fault.Field("KL", nil, "must not be nil; give the one whose latents the flow learns")
	}
	if err := checkPictures(kl.Config().ImageSize, kl.Config().Channels, training, heldOut); err != nil {
		return nil, nil, err
	}
	if !slices.Equal(training.Classes, description.Classes) || c.Classes != len(description.Classes) {
		return nil, nil, fault.Field("Data", nil, "the classes are %s, but the run's are %s; give pictures of the same classes",
			strings.Join(training.Classes, ", "), strings.Join(description.Classes, ", "))
	}
	if err := how.Validate(); err != nil {
		return nil, nil, err
	}
	g := tensor.NewGenerator(o.Seed).Fork(models.TarFlow.Name)
	if model, err = tarflow.New(d, c, g); err != nil {
		return nil, nil, err
	}
	kl.SetTraining(false)
	pets, err := sample.NewFlow(d, description, sample.FlowModels{KL: kl, TarFlow: model})
	if err != nil {
		return nil, nil, err
	}
	rows, labels, err := embedViews(ctx, device, kl.Encode, training, how.Augment, how.Views, o)
	if err != nil {
		return nil, nil, err
	}
	if err := model.Fit(rows); err != nil {
		return nil, nil, err
	}
	source, err := train.NewRows(rows, c.Numbers(), labels, o.Batch, description.Balance, o.Seed)
	if err != nil {
		return nil, nil, err
	}
	how.KL = nn.Checksum(kl)
	task = &train.Task[train.RowBatch]{
		Model:      models.TarFlow.Name,
		Module:     model,
		Settings:   c,
		Options:    how,
		Source:     source,
		Unit:       "latent maps",
		Generators: map[string]*tensor.Generator{models.TarFlow.Name: g},
		Check:      train.RowBatch.Check,
		Loss: func(batch train.RowBatch) (*tensor.Tensor, *train.Figures) {
			x := d.From(batch.X, batch.Len(), c.Height, c.Width, c.Channels)
			return model.Loss(x, batch.Labels, g), nil
		},
	}
	task.Samples = func(path string) error {
		how := sampling.Default()
		if c.Classes > 1 {
			how.Guidance = progressGuidance
		}
		return sample.SaveClasses(context.Background(), path, pets, sample.Options{N: shown / 2, Sampling: &how, Seed: o.Seed})
	}
	if heldOut == nil || heldOut.Len() == 0 {
		return model, task, nil
	}
	unseen, truth, err := embedViews(ctx, device, kl.Encode, heldOut, data.Augment{}, 0, Options{Batch: o.Batch})
	if err != nil {
		return nil, nil, err
	}
	prior := counts(labels, c.Classes)
	task.Evaluate = func() (train.Metrics, error) { return evaluateTarFlow(pets, unseen, truth, prior) }
	return model, task, nil
}

// progressGuidance is the guidance scale of the samples during a training.
const progressGuidance = 1.5

// evaluateTarFlow measures a pipeline on embeddings [N, E] with their classes.
func evaluateTarFlow(p *sample.Flow, embeddings []float32, truth []int, prior []float64) (train.Metrics, error) {
	modelled, err := p.Perturb(context.Background(), embeddings, 0) // the same noise in every evaluation
	if err != nil {
		return nil, err
	}
	logProb, err := p.LogProb(context.Background(), modelled) // [classes][N]
	if err != nil {
		return nil, err
	}
	nll := 0.0
	for i, class := range truth {
		nll -= logProb[class][i] / float64(len(truth))
	}
	loss := nll / float64(p.Embedding())
	return train.Metrics{
		"loss": loss, "nll_nats": nll, "bits_per_dim": loss / math.Ln2,
		"accuracy": eval.Accuracy(eval.Bayes(logProb, nil), truth), "accuracy_with_prior": eval.Accuracy(eval.Bayes(logProb, prior), truth),
	}, nil
}

// counts returns how often each class occurs.
func counts(labels []int, classes int) []float64 {
	all := make([]float64, classes)
	for _, label := range labels {
		all[label]++
	}
	return all
}
