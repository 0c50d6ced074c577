package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/internal/onnx"
	"github.com/bestiary-ml/bestiary/internal/onnx/export"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/spf13/cobra"
)

const (
	onnxFormat = "onnx"
	onnxEnding = ".onnx"
)

// exportONNX writes the functions of a model of a run as ONNX files beside out: x.encode.onnx and x.decode.onnx for x.onnx.
func exportONNX(c *cobra.Command, run, model, out string, force bool) error {
	if filepath.Ext(out) != onnxEnding {
		return usagef("--out %s: is not what --format %s ends in; let it end in %s", out, onnxFormat, onnxEnding)
	}
	if model != "" && !slices.Contains(export.Kinds(), model) {
		return usagef("--model %s: has no ONNX file; choose one of %s", model, strings.Join(export.Kinds(), ", "))
	}
	r, err := runfolder.Open(run)
	if err != nil {
		return err
	}
	if model == "" {
		i := slices.IndexFunc(export.Kinds(), r.HasWeights)
		if i < 0 {
			return fmt.Errorf("%s: has none of the models that have ONNX files, %s; train or import one first", run, strings.Join(export.Kinds(), ", "))
		}
		model = export.Kinds()[i]
	}
	files, err := export.Open(run, model, version())
	if err != nil {
		return err
	}
	var written []string
	for _, f := range files {
		path := strings.TrimSuffix(out, onnxEnding) + "." + f.Function + onnxEnding
		if err := checkNew("--out", path, force); err != nil {
			return err
		}
		written = append(written, path)
	}
	for i, f := range files {
		if err := atomicfile.Write(written[i], func(w io.Writer) error { return f.Write(w) }); err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s, opset %d:\n  %s\n", written[i], onnx.Opset, strings.Join(f.Signature(), "\n  "))
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), strings.Join(written, "\n"))
	return err
}
