"""Prints what MLflow's own client sees of the last run of an experiment, as JSON."""

import json
import sys

from mlflow.tracking import MlflowClient

client = MlflowClient(tracking_uri=sys.argv[1])
experiment = client.get_experiment_by_name(sys.argv[2])
runs = client.search_runs([experiment.experiment_id])


def artifacts(run, path=None):
    for a in client.list_artifacts(run.info.run_id, path):
        if a.is_dir:
            yield from artifacts(run, a.path)
        else:
            yield a.path, a.file_size


print(json.dumps([
    {
        "name": r.info.run_name, "status": r.info.status, "params": r.data.params, "tags": r.data.tags,
        "metrics": {k: [[m.step, repr(m.value)] for m in client.get_metric_history(r.info.run_id, k)] for k in r.data.metrics},
        "artifacts": dict(artifacts(r)),
    }
    for r in runs
]))
