package torchfile

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestObjects reads a module that was saved whole and objects of PyTorch Lightning, in both forms, and writes the module
// again.
func TestObjects(t *testing.T) {
	names := []string{"first.weight", "first.bias", "rest.1.weight", "rest.1.bias", "rest.1.running_mean", "rest.1.running_var", "rest.1.num_batches_tracked"}
	for _, form := range []string{"objects.pt", "objects-legacy.pt"} {
		root := load(t, "testdata/"+form)
		net := get(t, root, "net").(*Object)
		if net.Class != "torch.nn.modules.container.Sequential" {
			t.Errorf("%s: the module is a %s", form, net.Class)
		}
		state := net.StateDict()
		var got []string
		for key := range state.All() {
			got = append(got, key.(string))
		}
		if !slices.Equal(got, names) {
			t.Errorf("%s: parameters %v, want %v", form, got, names)
		}
		if diff := cmp.Diff(plain(t, get(t, root, "weight")), plain(t, get(t, state, "first.weight"))); diff != "" {
			t.Errorf("%s: %s", form, diff)
		}
		callbacks := get(t, root, "callbacks").(*Dict)
		get(t, get(t, callbacks, "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint").(*Dict), "best_model_path")
		if o := get(t, root, "hyper_parameters").(*Object); o.StateDict() != nil || get(t, o.State.(*Dict), "lr") != any(0.1) {
			t.Errorf("%s: hyper_parameters are %v", form, o)
		}
		if o := get(t, root, "args").(*Object); get(t, o.State.(*Dict), "batch") != any(int64(3)) {
			t.Errorf("%s: args are %v", form, o)
		}
	}
}

// TestWriteObject writes an object and reads it again.
func TestWriteObject(t *testing.T) {
	want := &Object{Class: "torch.nn.modules.activation.ReLU", Args: Tuple{}, New: true, State: NewDict("inplace", false)}
	class := &Object{Class: "torch.nn.modules.activation.ReLU"}
	called := &Object{Class: "torch.device", Args: Tuple{"cpu"}}
	path := t.TempDir() + "/object.pt"
	if err := Write(path, NewDict("made", want, "class", class, "called", called)); err != nil {
		t.Fatal(err)
	}
	root := load(t, path)
	for key, o := range map[string]*Object{"made": want, "class": class, "called": called} {
		if diff := cmp.Diff(o, get(t, root, key).(*Object), cmp.AllowUnexported(Dict{})); diff != "" {
			t.Errorf("%s:\n%s", key, diff)
		}
	}
}
