package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// checkout makes a folder like a checkout, with a peer of the given source.
func checkout(t *testing.T, source string) string {
	t.Helper()
	root := t.TempDir()
	folder := filepath.Join(root, "bench", "spago")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"go.mod": "module github.com/bestiary-ml/bestiary/bench/spago\n\ngo 1.26.0\n", "main.go": source} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestBuildPeer(t *testing.T) {
	root := checkout(t, `package main

import "fmt"

func main() {
	fmt.Println("{\"version\": \"v1\", \"go\": \"go1\", \"threads\": 1, \"blas\": \"none\"}")
	var command, name string
	fmt.Scan(&command, &name)
	fmt.Println("{\"prepared\": \"" + name + "\"}")
	fmt.Scan(&command, &name)
	fmt.Println("{\"seconds\": [5], \"peak_bytes\": null}")
}
`)
	var log bytes.Buffer
	launcher, err := buildPeer(t.Context(), "spago", filepath.Join(root, "bench"), &log)
	if err != nil {
		t.Fatal(err)
	}
	defer launcher.close()
	p, err := launcher.start(t.Context(), place{threads: 1}, "gemm/1024")
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if err := p.run(time.Nanosecond); err != nil {
		t.Fatal(err)
	}
	if want := (Peer{Name: "spago", Version: "v1", Go: "go1", Threads: 1, BLAS: "none", Precision: "highest"}); p.Peer != want || !slices.Equal(p.times, []float64{5}) {
		t.Errorf("got %+v and times %v, want %+v", p.Peer, p.times, want)
	}
}

func TestBuildPeerFails(t *testing.T) {
	broken := checkout(t, "package main\n\nfunc main() { undefinedHere() }\n")
	for _, test := range []struct{ name, start, want string }{
		{"spago", broken, "undefined: undefinedHere"},
		{"gomlx", broken, "in a checkout of its repository, with Go installed"}, // which has spago only
		{"spago", t.TempDir(), "in a checkout of its repository, with Go installed"},
	} {
		_, err := buildPeer(t.Context(), test.name, test.start, &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got error %v, want %q", test.name, err, test.want)
		}
	}
}

// TestGoPeersExist checks that the checkout has the peers that the program offers.
func TestGoPeersExist(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range goPeers {
		if want := filepath.Join(here, name); checkoutFolder(".", name) != want {
			t.Errorf("%s is in %q, want %q", name, checkoutFolder(".", name), want)
		}
	}
}
