package check

import (
	"bytes"
	"fmt"

	mpijob "github.com/kubeflow/mpi-operator/pkg/apis/kubeflow/v2beta1"
	mpivalidation "github.com/kubeflow/mpi-operator/pkg/apis/kubeflow/validation"
	trainer "github.com/kubeflow/trainer/v2/pkg/apis/trainer/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// Where the modules have their definitions.
const (
	mpiOperator = "github.com/kubeflow/mpi-operator"
	mpiFile     = "manifests/base/kubeflow.org_mpijobs.yaml"
	trainerV2   = "github.com/kubeflow/trainer/v2"
	trainerCRDs = "manifests/base/crds/trainer.kubeflow.org_"
)

// kind is a kind of object: its schema, if it is a custom resource, and its type in Go.
type kind struct {
	schema  *schema
	object  func() any
	further func(object any) (wrong []string) // what the controller checks; nil: nothing
}

// kinds reads the schemas. Keys are API version and kind.
func kinds() (map[string]kind, error) {
	mpi, err := readSchema(mpiOperator, mpiFile, "v2beta1")
	if err != nil {
		return nil, err
	}
	jobs, err := readSchema(trainerV2, trainerCRDs+"trainjobs.yaml", "v1alpha1")
	if err != nil {
		return nil, err
	}
	runtimes, err := readSchema(trainerV2, trainerCRDs+"trainingruntimes.yaml", "v1alpha1")
	if err != nil {
		return nil, err
	}
	return map[string]kind{
		"v1 PersistentVolumeClaim":                      {object: func() any { return new(corev1.PersistentVolumeClaim) }},
		"kubeflow.org/v2beta1 MPIJob":                   {schema: mpi, object: func() any { return new(mpijob.MPIJob) }, further: validMPIJob},
		"trainer.kubeflow.org/v1alpha1 TrainJob":        {schema: jobs, object: func() any { return new(trainer.TrainJob) }},
		"trainer.kubeflow.org/v1alpha1 TrainingRuntime": {schema: runtimes, object: func() any { return new(trainer.TrainingRuntime) }},
	}, nil
}

// validMPIJob is the operator's own validation, after its defaults.
func validMPIJob(object any) (wrong []string) {
	job := object.(*mpijob.MPIJob)
	mpijob.SetDefaults_MPIJob(job)
	for _, err := range mpivalidation.ValidateMPIJob(job) {
		wrong = append(wrong, err.Error())
	}
	return wrong
}

// validate returns the objects of a manifest, and what is wrong with them.
func validate(manifest []byte, known map[string]kind) (objects []any, wrong []string) {
	for _, text := range bytes.Split(manifest, []byte("\n---\n")) {
		var fields map[string]any
		if err := yaml.UnmarshalStrict(text, &fields); err != nil {
			return nil, append(wrong, err.Error())
		}
		name := fmt.Sprintf("%v %v", fields["apiVersion"], fields["kind"])
		k, ok := known[name]
		if !ok {
			return nil, append(wrong, "unknown kind "+name)
		}
		object := k.object()
		if err := yaml.UnmarshalStrict(text, object); err != nil {
			wrong = append(wrong, err.Error())
		}
		objects = append(objects, object)
		if k.schema != nil {
			wrong = append(wrong, k.schema.validate(fields)...)
		}
		if k.further != nil {
			wrong = append(wrong, k.further(object)...)
		}
	}
	return objects, wrong
}
