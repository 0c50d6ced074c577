package tensor_test

// The trials of these packages are part of what this package's tests train: see trialModel.
import (
	_ "github.com/bestiary-ml/bestiary/detect"
	_ "github.com/bestiary-ml/bestiary/flows"
	_ "github.com/bestiary-ml/bestiary/nn/sampling"
	_ "github.com/bestiary-ml/bestiary/nn/transformer"
)
