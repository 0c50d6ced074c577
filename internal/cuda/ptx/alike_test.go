package ptx

import (
	"strings"
	"testing"
)

func TestAlike(t *testing.T) {
	kernel := func(name, param, body string) string {
		return ".visible .entry " + name + "(\n\t.param ." + param + " " + name + "_param_0\n)\n{\n" + body + "\tret;\n}\n"
	}
	loads := strings.Repeat("\tld.global.f32 \t%f1, [%rd1];\n\t@%p1 bra \t$L__BB0_1;\n", 100)
	want := kernel("sum", "u64", loads)
	for name, c := range map[string]struct {
		text  string
		alike bool
	}{
		"the same":         {want, true},
		"other registers":  {strings.ReplaceAll(want, "%f1", "%f7"), true},
		"one other load":   {strings.Replace(want, "ld.global.f32", "ld.global.v2.f32", 1), true},
		"three other":      {strings.Replace(want, "ld.global.f32", "ld.global.v2.f32", 3), false},
		"another kernel":   {kernel("product", "u64", loads), false},
		"other parameters": {kernel("sum", "u32", loads), false},
	} {
		if err := Alike(want, c.text); (err == nil) != c.alike {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := Instructions(want); got["ld.global.f32"] != 100 || got["bra"] != 100 || got["ret"] != 1 || len(got) != 3 {
		t.Errorf("instructions %v", got)
	}
}
