package ptx

import (
	"testing"
	"testing/fstest"
)

// TestSources checks that the description changes with the code of a file or an include, but not with a comment.
func TestSources(t *testing.T) {
	of := func(cu, cuh string) string {
		files := fstest.MapFS{"sum.cu": {Data: []byte("#include \"share.cuh\"\n" + cu)}, "share.cuh": {Data: []byte(cuh)}}
		s, err := Sources(files, "sum.cu")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	const cu, cuh = "int a; // sum\nasm(\"ld // %0\");\n", "#pragma once\nint b;\n"
	want := of(cu, cuh)
	for name, c := range map[string]struct {
		cu, cuh string
		same    bool
	}{
		"another comment":   {"int a; // a total\n\n/* two\nlines */asm(\"ld // %0\");\n", cuh, true},
		"indented":          {"\tint   a;\nasm(\"ld // %0\");\n", cuh, true},
		"other code":        {"int c;\nasm(\"ld // %0\");\n", cuh, false},
		"another string":    {"int a;\nasm(\"ld // %1\");\n", cuh, false},
		"code in a comment": {"// int a;\nasm(\"ld // %0\");\n", cuh, false},
		"another include":   {cu, "#pragma once\nint c;\n", false},
	} {
		if got := of(c.cu, c.cuh); (got == want) != c.same {
			t.Errorf("%s: %q, before %q", name, got, want)
		}
	}
	if _, err := Sources(fstest.MapFS{"sum.cu": {Data: []byte("#include \"missing.cuh\"\n")}}, "sum.cu"); err == nil {
		t.Error("a missing include is no error")
	}
}

func TestHeader(t *testing.T) {
	const body = "//\n// Generated\n.version 7.8\n"
	text := Header("NVRTC", "a.cu sha256 12") + body
	if got := SourcesOf(text); got != "a.cu sha256 12" {
		t.Errorf("sources %q", got)
	}
	if got := Body(text); got != body {
		t.Errorf("body %q", got)
	}
}
