package main

import (
	"strings"

	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/mlflow"
	"github.com/spf13/cobra"
)

// addTrackFlag adds --track to a training.
func addTrackFlag(c *cobra.Command, into *[]string) {
	c.Flags().StringArrayVar(into, "track", nil, "also send settings, metrics and samples to a server: mlflow=URL, or mlflow=URL#EXPERIMENT")
}

// openTrackers returns the trackers of --track. Nothing is sent yet.
func openTrackers(values []string) (all []train.Tracker, err error) {
	for _, value := range values {
		kind, uri, ok := strings.Cut(value, "=")
		if !ok || kind != "mlflow" {
			return nil, usagef("--track %q: must be mlflow=URL, such as mlflow=http://localhost:5000", value)
		}
		uri, experiment, _ := strings.Cut(uri, "#")
		t, err := mlflow.New(uri, mlflow.Options{Experiment: experiment})
		if err != nil {
			return nil, usagef("--track %q: must be mlflow=URL of an MLflow server, such as mlflow=http://localhost:5000", value)
		}
		all = append(all, t)
	}
	return all, nil
}
