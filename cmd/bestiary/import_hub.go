package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/hub"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/spf13/cobra"
)

// importHub makes a run of a folder that export --format huggingface wrote.
func importHub(c *cobra.Command, path, dir string) error {
	for _, flag := range []string{"tokenizer", "cased", "uncased", "config", "classes", "image-size", "raw-embeddings"} {
		if c.Flags().Changed(flag) {
			return usagef("--%s: belongs to files of other programs, and %s says itself what its models are; leave it out", flag, path)
		}
	}
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		return err
	}
	defer d.Close()
	f, err := hub.Read(path, d)
	if err != nil {
		return err
	}
	for _, kind := range f.Kinds {
		if err := runfolder.Check(dir, kind); err != nil {
			return err
		}
	}
	if r, err := runfolder.Open(dir); err == nil && len(r.Models()) > 0 {
		return fmt.Errorf("%s: has models already (%s); import the folder into a new run", dir, strings.Join(r.Models(), ", "))
	}
	r, err := runfolder.Create(dir)
	if err != nil {
		return err
	}
	lock, err := r.Lock()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	commit, err := r.Begin()
	if err != nil {
		return err
	}
	if err := f.Fill(commit); err != nil {
		commit.Abort()
		return err
	}
	if err := commit.Commit(); err != nil {
		return err
	}
	info, err := readInfo(dir)
	if err != nil {
		return err
	}
	for _, m := range info.Models {
		_, e := fmt.Fprintf(c.OutOrStdout(), "%s: %s, %d parameters (%s)\n", m.Name, m.Summary, m.Parameters, m.Imported)
		err = errors.Join(err, e)
	}
	_, e := fmt.Fprintln(c.OutOrStdout(), dir)
	return errors.Join(err, e)
}
