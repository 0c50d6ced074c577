package publicapi

import (
	"testing"
)

func TestClosed(t *testing.T) {
	all, err := Read("../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("only %d public packages found", len(all))
	}
	exported, leaks, undocumented := 0, 0, 0
	for _, p := range all {
		t.Logf("%-20s %4d exported identifiers", p.Path, p.Exported)
		exported, leaks, undocumented = exported+p.Exported, leaks+len(p.Leaks), undocumented+len(p.Undocumented)
		for _, leak := range p.Leaks {
			t.Errorf("%s.%s, which no other module can name", p.Path, leak)
		}
		for _, name := range p.Undocumented {
			t.Errorf("%s.%s has no doc comment", p.Path, name)
		}
	}
	t.Logf("%d packages, %d exported identifiers, %d leaks, %d without a doc comment", len(all), exported, leaks, undocumented)
}

// TestFinds checks that the test above can fail, on a module with every kind of leak.
func TestFinds(t *testing.T) {
	all, err := Read("testdata/leaky")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, p := range all {
		for _, leak := range p.Leaks {
			found[p.Path+"."+leak] = true
		}
		for _, name := range p.Undocumented {
			found[p.Path+"."+name] = true
		}
	}
	const secret = "leaky/internal/secret.Thing"
	for _, want := range []string{
		"open.Alias: " + secret, "open.Argument: " + secret, "open.Field: " + secret, "open.Embedded: " + secret,
		"open.Method: " + secret, "open.Promoted: " + secret, "open.Interface: " + secret, "open.Element: " + secret,
		"open.Function: " + secret, "open.Instance: " + secret, "open.Variable: " + secret, "open.Method.Bare", "open.Bare",
	} {
		if !found[want] {
			t.Errorf("%s is not found; found %v", want, found)
		}
		delete(found, want)
	}
	for what := range found {
		t.Errorf("%s is found and is none", what)
	}
}
