package bench

import (
	"bytes"
	"fmt"
	"runtime/pprof"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/internal/usage"
)

// checkProfile tells what keeps a profile, if one is wanted, from being taken of so many workloads.
func checkProfile(o Options, workloads int) error {
	switch {
	case o.Profile == "":
		return nil
	case o.Versus != "":
		return usage.Errorf("a profile of our code has no peer beside it; leave one of the two options out")
	case workloads != 1:
		return usage.Errorf("a profile is that of one workload, and %d are chosen; name one of them with --only", workloads)
	}
	return atomicfile.Check(o.Profile)
}

// profiled does work, and writes a CPU profile of it to a file unless path is "".
func profiled(path string, work func() error) error {
	if path == "" {
		return work()
	}
	var profile bytes.Buffer
	if err := pprof.StartCPUProfile(&profile); err != nil {
		return fmt.Errorf("%s: no profile can be taken: %w; end what else profiles this program", path, err)
	}
	err := work()
	pprof.StopCPUProfile()
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, profile.Bytes())
}
