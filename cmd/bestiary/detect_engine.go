package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/spf13/cobra"
)

// engineFlags say what computes a detector: Bestiary, or ONNX Runtime.
type engineFlags struct{ name, file, library string }

// The values of --engine.
const (
	ownEngine  = "bestiary"
	onnxEngine = "onnxruntime"
)

// engineHelp is the part of a command's help about --engine.
const engineHelp = `With --engine onnxruntime, ONNX Runtime computes the network on the processor. --onnx names the file
X.detect.onnx that "bestiary export --format onnx" wrote for the same run. The shared library of ONNX
Runtime, 1.16 or later, is opened while the program runs, on Linux only: --onnxruntime-library names it,
or a folder with it, such as that of Python's package onnxruntime.`

func (f *engineFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.name, "engine", ownEngine, "what computes the network: bestiary or onnxruntime")
	c.Flags().StringVar(&f.file, "onnx", "", "with --engine onnxruntime: the run's detector as an ONNX file")
	c.Flags().StringVar(&f.library, "onnxruntime-library", "", "with --engine onnxruntime: its shared library, or a folder with it (default: that of BESTIARY_ONNXRUNTIME, or libonnxruntime.so at the loader's path)")
}

// check refuses flags that don't go together.
func (f *engineFlags) check(device *deviceFlags) error {
	switch {
	case f.name != ownEngine && f.name != onnxEngine:
		return usagef("--engine %s: choose bestiary or onnxruntime", f.name)
	case f.name == ownEngine && (f.file != "" || f.library != ""):
		return usagef("--onnx and --onnxruntime-library: need --engine onnxruntime; add it, or leave them out")
	case f.name == ownEngine:
		return nil
	case f.file == "":
		return usagef("--onnx is missing: name the file that \"bestiary export --format onnx\" wrote of the run's detector, for example --onnx ssd.detect.onnx")
	}
	for _, flag := range []string{"device", "kernels", "precision"} {
		if device.command.Flags().Changed(flag) {
			return usagef("--%s: says how Bestiary computes; leave it out with --engine onnxruntime", flag)
		}
	}
	return nil
}

// open opens the detector of a run.
func (f *engineFlags) open(c *cobra.Command, run string, device *deviceFlags) (*sample.Detector, error) {
	if f.name == ownEngine {
		return openDetector(c, run, device)
	}
	if err := wrongFamily(run, detectorFamily); err != nil {
		return nil, err
	}
	device.name = "cpu" // nothing is computed on it
	d, err := openPipeline(c, run, "runs/ssd", device, func(ctx context.Context, dir string, d *tensor.Device) (*sample.Detector, error) {
		return sample.OpenDetectorONNX(ctx, dir, sample.ONNX{File: f.file, Library: f.library, Threads: device.options.Threads}, d)
	})
	var missing *fs.PathError
	if errors.As(err, &missing) && missing.Path == f.file && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("--onnx %s: there is no such file; write it by \"bestiary export --run %s --format onnx --out X.onnx\"", f.file, run)
	}
	return d, err
}
