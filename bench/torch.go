package bench

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed torch/*.py
var torchScripts embed.FS

// torchModes are the modes of torch/peer.py for its peers.
var torchModes = map[string]string{"torch": "eager", "torch-compile": "compile", "torch-cached": "cached"}

// findTorch finds a Python with PyTorch for the peer of that name: python if it is given.
func findTorch(ctx context.Context, name, python string) (*peerLauncher, error) {
	candidates := []string{"python3", "/usr/bin/python3"}
	if python != "" {
		candidates = []string{python}
	}
	found := ""
	for _, c := range candidates {
		// The version distinguishes PyTorch from a folder named torch in the working directory.
		if exec.CommandContext(ctx, c, "-c", "import torch; torch.__version__").Run() == nil {
			found = c
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if found == "" {
		return nil, fmt.Errorf("%s can't import torch; install PyTorch (pip install torch) or name a Python that has it",
			strings.Join(candidates, " and "))
	}
	dir, err := os.MkdirTemp("", "bestiary-bench-")
	if err != nil {
		return nil, err
	}
	l := &peerLauncher{
		name: name, python: found, dir: dir, command: []string{found, "-B", filepath.Join(dir, "torch", "peer.py")},
		arguments: func(p place) []string {
			return []string{fmt.Sprint(p.threads), p.device, p.precision, torchModes[name]}
		},
	}
	if err := os.CopyFS(dir, torchScripts); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}
