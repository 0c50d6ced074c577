package main

import (
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commonFacts are what ranks must have in common: arguments, the contents of runs and files that flags name, and all flags except those that
// may differ between machines or that only rank 0 uses. Package train compares the weights and data of trainings. Other commands compare the
// pictures of --data once they are read, see sameData.
func commonFacts(c *cobra.Command, arguments []string) map[string]string {
	facts := map[string]string{"the command": c.Name(), "the arguments": strings.Join(arguments, " ")}
	trains := c.Annotations[ranksKey] == ranksTrain
	c.Flags().VisitAll(func(f *pflag.Flag) {
		value := f.Value.String()
		switch f.Name {
		case "device", "threads", "kernels", "max-memory", "rank-timeout", "no-cache", "track":
			return
		case "run", "beside", "clip", "classifier", "detector", "segmenter":
			for _, dir := range flagValues(f) {
				if f.Name == "beside" {
					dir, _ = namedGenerator(dir)
				}
				if !trains {
					facts["the weights of "+dir] = weightsSum(dir)
				}
			}
		case "prompts", "prime", "inception", "tokenizer":
			if value != "" && value != standard {
				facts["the contents of "+value] = fileSum(value)
			}
		}
		facts["--"+f.Name] = value
	})
	return facts
}

// flagValues returns the values of a flag that may be repeated.
func flagValues(f *pflag.Flag) []string {
	if several, ok := f.Value.(pflag.SliceValue); ok {
		return several.GetSlice()
	}
	if f.Value.String() == "" {
		return nil
	}
	return []string{f.Value.String()}
}

// flagText returns the value of a flag; "" if the command has none of that name.
func flagText(c *cobra.Command, name string) string {
	if f := c.Flags().Lookup(name); f != nil {
		return f.Value.String()
	}
	return ""
}

// sameData returns an error if the ranks that divide a command have read different data. Each rank measures its own part of it. sum returns
// a checksum of the data; one process alone needs none.
func sameData(c *cobra.Command, path string, sum func() string) error {
	ranks := ranksOf(c)
	if ranks == nil || c.Annotations[ranksKey] != ranksDivide {
		return nil
	}
	return ranks.Same(map[string]string{"the data of " + path: sum()})
}

// weightsSum returns a checksum of the weights of a run folder; what can't be read is found later.
func weightsSum(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "no folder"
	}
	sum := crc32.NewIEEE()
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".safetensors") && !strings.HasSuffix(name, ".state.safetensors") {
			io.WriteString(sum, name)
			_ = addFile(sum, filepath.Join(dir, name))
		}
	}
	return fmt.Sprintf("checksum %08x", sum.Sum32())
}

// fileSum returns a checksum of a file; what can't be read is found later.
func fileSum(path string) string {
	sum := crc32.NewIEEE()
	if err := addFile(sum, path); err != nil {
		return "no file"
	}
	return fmt.Sprintf("checksum %08x", sum.Sum32())
}

// addFile adds the content of a file to a checksum.
func addFile(sum io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(sum, f)
	return err
}
