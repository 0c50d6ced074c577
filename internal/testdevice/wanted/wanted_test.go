package wanted

import "testing"

func TestNames(t *testing.T) {
	for value, want := range map[string]int{"": -1, "cpu": -1, "emulated": -1, "cuda": 0, "cuda:0": 0, "cuda:12": 12} {
		name, err := parse(value)
		if err != nil || value != "" && name != value || value == "" && name != CPU {
			t.Errorf("%q is %q: %v", value, name, err)
		}
		if index, ok := gpu(name); ok != (want >= 0) || ok && index != want {
			t.Errorf("%q is GPU %d, %v", value, index, ok)
		}
	}
	for _, value := range []string{"gpu", "cuda:", "cuda:x", "cuda:-1", "cuda1"} {
		if name, err := parse(value); err == nil {
			t.Errorf("%q is taken as %q", value, name)
		}
	}
}
