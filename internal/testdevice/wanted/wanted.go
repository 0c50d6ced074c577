// Package wanted defines the flag of tests that names the device to compute on. All packages with tests import it, those
// that compute nothing too: go test ./... -device cuda hands the flag to every one of them.
package wanted

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
)

// Values of the flag beside cuda and cuda:N.
const (
	CPU      = "cpu"      // the processor, as without the flag
	Emulated = "emulated" // the GPU's kernels on an emulated GPU, which takes a thousand times as long as a real one
)

var device = name(CPU)

func init() {
	flag.Var(&device, "device", "what tests compute on: cpu, cuda or cuda:N, or emulated for the GPU's kernels without a GPU")
}

// Device is what the flag says. Flags are parsed before tests run, but after packages have been initialised.
func Device() string { return string(device) }

// GPU is the number of the GPU that the flag names; ok is false if it names another device.
func GPU() (index int, ok bool) { return device.gpu() }

// name is a device's.
type name string

func (n *name) String() string { return string(*n) }

// Set implements [flag.Value].
func (n *name) Set(value string) error {
	if _, ok := name(value).gpu(); !ok && value != CPU && value != Emulated {
		return fmt.Errorf("use %s, cuda, cuda:N or %s", CPU, Emulated)
	}
	*n = name(value)
	return nil
}

func (n name) gpu() (index int, ok bool) {
	if n == "cuda" {
		return 0, true
	}
	number, ok := strings.CutPrefix(string(n), "cuda:")
	index, err := strconv.Atoi(number)
	return index, ok && err == nil && index >= 0
}
