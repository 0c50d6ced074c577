package bench

import (
	"bytes"
	"fmt"
	"runtime/pprof"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
)

// checkProfile returns an error if a profile was asked for that can't be taken.
func checkProfile(o Options, workloads int) error {
	switch {
	case o.Profile == "":
		return nil
	case o.Versus != "":
		return fault.Field("Profile", o.Profile, "can't be combined with Versus; leave one of them out")
	case workloads != 1:
		return fault.Field("Profile", o.Profile, "needs exactly one workload, not %d; name one in Only", workloads)
	}
	return atomicfile.Check(o.Profile)
}

// profiled calls work, and writes a CPU profile of it to a file unless path is "".
func profiled(path string, work func() error) error {
	if path == "" {
		return work()
	}
	var profile bytes.Buffer
	if err := pprof.StartCPUProfile(&profile); err != nil {
		return fmt.Errorf("%s: no profile can be taken: %w; stop the other profile of this program", path, err)
	}
	err := work()
	pprof.StopCPUProfile()
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, profile.Bytes())
}
