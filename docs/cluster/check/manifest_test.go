package check

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	mpijob "github.com/kubeflow/mpi-operator/pkg/apis/kubeflow/v2beta1"
	trainer "github.com/kubeflow/trainer/v2/pkg/apis/trainer/v1alpha1"
)

func known(t *testing.T) map[string]kind {
	t.Helper()
	all, err := kinds()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestManifests validates the files of docs/cluster. The number of ranks that mpirun starts is that of the places in pods.
func TestManifests(t *testing.T) {
	files, err := filepath.Glob("../*.yaml")
	if err != nil || len(files) != 5 {
		t.Fatalf("%v, %v", files, err)
	}
	kinds, jobs := known(t), 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		objects, wrong := validate(text, kinds)
		for _, w := range wrong {
			t.Errorf("%s: %s", file, w)
		}
		for _, o := range objects {
			places, args := ranks(o)
			if places == 0 {
				continue
			}
			jobs++
			if want := []string{"-n", fmt.Sprint(places)}; len(args) < 2 || !slices.Equal(args[:2], want) {
				t.Errorf("%s: mpirun has %q, and there are places for %d ranks", file, args, places)
			}
		}
	}
	if jobs != 4 {
		t.Errorf("%d jobs", jobs)
	}
}

// ranks returns the places of a job and what mpirun is given.
func ranks(object any) (places int32, args []string) {
	switch o := object.(type) {
	case *mpijob.MPIJob:
		replicas := o.Spec.MPIReplicaSpecs
		return *o.Spec.SlotsPerWorker * *replicas["Worker"].Replicas, replicas["Launcher"].Template.Spec.Containers[0].Args
	case *trainer.TrainJob:
		return *o.Spec.Trainer.NumNodes * *o.Spec.Trainer.NumProcPerNode, o.Spec.Trainer.Args
	}
	return 0, nil
}

// TestMistakes puts a mistake into a valid file, and expects to hear of it.
func TestMistakes(t *testing.T) {
	kinds := known(t)
	for _, m := range []struct{ file, old, new, want string }{
		{"mpijob.yaml", "  slotsPerWorker:", "  slotPerWorker:", "unknown field spec.slotPerWorker"},
		{"mpijob.yaml", "command: [mpirun]", "comand: [mpirun]", "unknown field spec.mpiReplicaSpecs.Launcher.template.spec.containers[0].comand"},
		{"mpijob.yaml", "claimName: bestiary", "name: bestiary", "unknown field"},
		{"mpijob.yaml", "claimName: bestiary", "readOnly: false", "claimName: Required value"},
		{"mpijob.yaml", "  mpiReplicaSpecs:", "  replicaSpecs:", "spec.mpiReplicaSpecs: Required value"},
		{"mpijob.yaml", "- name: worker", "- imagePullPolicy: Always", "name: Required value"},
		{"mpijob.yaml", "replicas: 1", "replicas: 2", "must be 1"},
		{"mpijob.yaml", "cleanPodPolicy: Running", "cleanPodPolicy: Sometimes", "cleanPodPolicy: Unsupported value"},
		{"mpijob.yaml", "  name: birds", "  name: Birds", "metadata.name: Invalid value"},
		{"mpijob.yaml", "v2beta1", "v1", "unknown kind kubeflow.org/v1 MPIJob"},
		{"trainjob.yaml", "numProcPerNode: 1\n    command", "numProcsPerNode: 1\n    command", "unknown field spec.trainer.numProcsPerNode"},
		{"trainjob.yaml", "    name: bestiary\n  trainer:", "  trainer:", "spec.runtimeRef.name: Required value"},
		{"trainjob.yaml", "numNodes: 4", "numNodes: four", "spec.trainer.numNodes"},
		{"trainjob.yaml", "OpenMPI", "MPICH", "spec.mlPolicy.mpi.mpiImplementation: Unsupported value"},
		{"trainjob.yaml", "    mpi:\n", "    torch: {}\n    mpi:\n", "Only one of the policy can be configured"},
		{"trainjob.yaml", "mountPath: /shared", "path: /shared", "mountPath: Required value"},
		{"trainjob.yaml", "\n  name: birds\n", "\n  name: 4birds\n", "RFC 1035"},
		{"storage.yaml", "accessModes:", "accessMode:", "accessMode"},
	} {
		text, err := os.ReadFile(filepath.Join("..", m.file))
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(text), m.old, m.new, 1)
		if changed == string(text) {
			t.Errorf("%s has no %q", m.file, m.old)
		}
		if _, wrong := validate([]byte(changed), kinds); !strings.Contains(strings.Join(wrong, "\n"), m.want) {
			t.Errorf("%s with %q: %q, want %q", m.file, m.new, wrong, m.want)
		}
	}
}
