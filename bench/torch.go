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
var torchModes = map[string]string{"torch": "eager", "torch-compile": "compile", "torch-cached": "cached", "zuko": "zuko", "nflows": "nflows", onnxRuntime: onnxRuntime}

// onnxRuntime is the name of a peer of [Backbones].
const onnxRuntime = "onnxruntime"

// flowPeers are libraries of flows over PyTorch, eager.
var flowPeers = []string{"zuko", "nflows"}

// needs returns what a Python must import for a peer, as code that ends with an error otherwise, and how it is installed. Versions
// of zuko and nflows are those whose modules torch/densities.py builds.
func needs(name string) (code, install string) {
	code, install = "import torch; torch.__version__", "install PyTorch (pip install torch)"
	if version := map[string]string{"zuko": "1.6.0", "nflows": "0.14"}[name]; version != "" {
		code += fmt.Sprintf("; import %s; from importlib.metadata import version; assert version(%q) == %q", name, name, version)
		install = fmt.Sprintf("install it with PyTorch (pip install torch %s==%s)", name, version)
	}
	if name == onnxRuntime {
		code, install = "import torch, torchvision, onnx, onnxruntime; torch.__version__", "install it with what exports models (pip install torch torchvision onnx onnxruntime)"
	}
	return code, install
}

// findTorch finds a Python with the packages of the peer of that name: python if it is given.
func findTorch(ctx context.Context, name, python string) (*peerLauncher, error) {
	candidates := []string{"python3", "/usr/bin/python3"}
	if python != "" {
		candidates = []string{python}
	}
	found := ""
	code, install := needs(name)
	for _, c := range candidates {
		// The version distinguishes PyTorch from a folder named torch in the working directory.
		if exec.CommandContext(ctx, c, "-c", code).Run() == nil {
			found = c
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if found == "" {
		return nil, fmt.Errorf("%s can't import %s; %s or name a Python that has it",
			strings.Join(candidates, " and "), strings.TrimSuffix(strings.TrimSuffix(name, "-compile"), "-cached"), install)
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
