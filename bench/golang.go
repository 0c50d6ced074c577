package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// goPeers are the peers in Go. The folder of that name holds a module with its own dependencies.
var goPeers = []string{"gorgonia", "gomlx", "spago"}

// buildPeer builds a peer from the checkout that start is in.
func buildPeer(ctx context.Context, name, start string, log io.Writer) (*peerLauncher, error) {
	source := checkoutFolder(start, name)
	compiler, err := exec.LookPath("go")
	if source == "" || err != nil {
		return nil, fmt.Errorf("the peer %s is built from its source; run this program in a checkout of its repository, with Go installed", name)
	}
	dir, err := os.MkdirTemp("", "bestiary-bench-")
	if err != nil {
		return nil, err
	}
	program := filepath.Join(dir, name+exeSuffix())
	fmt.Fprintf(log, "bench: building %s\n", source)
	build := exec.CommandContext(ctx, compiler, "build", "-o", program, ".")
	build.Dir = source
	build.Env = append(build.Environ(), "GOWORK=off")
	if name == "gomlx" && runtime.GOARCH == "amd64" {
		build.Env = append(build.Env, "GOEXPERIMENT=simd") // enables vector instructions: products are six to forty times as fast
	}
	if said, err := build.CombinedOutput(); err != nil {
		os.RemoveAll(dir)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%s can't be built (%w: %s); go build in %s says more", name, err, firstLine(said), source)
	}
	return &peerLauncher{
		name: name, command: []string{program}, dir: dir,
		arguments: func(p place) []string { return []string{fmt.Sprint(p.threads)} },
	}, nil
}

// checkoutFolder returns the source folder of a peer in start or a folder above it; "" if there is none.
func checkoutFolder(start, name string) string {
	ours := "module github.com/bestiary-ml/bestiary/bench/" + name
	at, err := filepath.Abs(start)
	if err != nil {
		return ""
	}
	for {
		folder := filepath.Join(at, "bench", name)
		if module, err := os.ReadFile(filepath.Join(folder, "go.mod")); err == nil && bytes.HasPrefix(module, []byte(ours+"\n")) {
			return folder
		}
		if filepath.Dir(at) == at {
			return ""
		}
		at = filepath.Dir(at)
	}
}

func exeSuffix() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}

// firstLine returns the first line of a command's output, without the headings of the go command.
func firstLine(said []byte) string {
	for line := range strings.Lines(string(said)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "go: downloading") {
			return line
		}
	}
	return "it printed nothing"
}
