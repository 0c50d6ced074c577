package main

import (
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/spf13/cobra"
)

// deviceFlags are the flags of every command that computes.
type deviceFlags struct {
	name    string
	options tensor.DeviceOptions
}

func addDeviceFlags(c *cobra.Command) *deviceFlags {
	f := &deviceFlags{}
	c.Flags().StringVar(&f.name, "device", "auto", "where to compute: auto or cpu")
	c.Flags().IntVar(&f.options.Threads, "threads", 0, "worker threads (0: one a processor)")
	c.Flags().StringVar(&f.options.Kernels, "kernels", "auto", "CPU kernel set: auto, portable, avx2 or avx512")
	return f
}

func (f *deviceFlags) open() (*tensor.Device, error) {
	if f.options.Threads < 0 {
		return nil, usagef("--threads %d: name a positive number, or 0 for one a processor", f.options.Threads)
	}
	d, err := tensor.OpenDevice(f.name, f.options)
	if err != nil {
		return nil, &usageError{err}
	}
	return d, nil
}
