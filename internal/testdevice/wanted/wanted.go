// Package wanted reads the device for tests from the environment:
//
//	BESTIARY_TEST_DEVICE=cuda go test ./...
package wanted

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// Variable is the name of the environment variable. Its values are cpu (the default), cuda, cuda:N and emulated.
const Variable = "BESTIARY_TEST_DEVICE"

// Values of the variable beside cuda and cuda:N.
const (
	CPU      = "cpu"
	Emulated = "emulated" // the GPU's kernels on an emulated GPU, a thousand times slower than a real one
)

// Device returns the device that the environment names. It panics if the name is unknown: a test on another device would
// prove nothing.
var Device = sync.OnceValue(func() string {
	name, err := parse(os.Getenv(Variable))
	if err != nil {
		panic(err)
	}
	return name
})

// GPU returns the number of the GPU that the environment names; ok is false if it names another device.
func GPU() (index int, ok bool) { return gpu(Device()) }

func parse(value string) (name string, err error) {
	if value == "" {
		return CPU, nil
	}
	if _, ok := gpu(value); !ok && value != CPU && value != Emulated {
		return "", fmt.Errorf("%s=%s: use %s, cuda, cuda:N or %s", Variable, value, CPU, Emulated)
	}
	return value, nil
}

func gpu(name string) (index int, ok bool) {
	if name == "cuda" {
		return 0, true
	}
	number, ok := strings.CutPrefix(name, "cuda:")
	index, err := strconv.Atoi(number)
	return index, ok && err == nil && index >= 0
}
