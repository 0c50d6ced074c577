package peer

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// warmUp is the number of iterations before the timed ones.
const warmUp = 2

// Framework describes a framework to measure.
type Framework struct {
	Module string // module path, to report its version
	BLAS   string // library that multiplies its matrices

	// Workloads build models and data and return a function for one iteration.
	Workloads map[string]func() (step func() error, err error)
	// Impossible has the reasons for the workloads that are missing, by prefixes of names; the longest matching prefix
	// counts.
	Impossible map[string]string
}

// Serve answers commands until the end of the input. The program's argument is the number of threads, which becomes
// GOMAXPROCS, so it also limits a framework's goroutines.
func Serve(f Framework) {
	threads := 0
	if len(os.Args) == 2 {
		threads, _ = strconv.Atoi(os.Args[1])
	}
	if threads < 1 {
		fmt.Fprintf(os.Stderr, "%s is started by bestiary bench; its one argument is the number of threads\n", os.Args[0])
		os.Exit(2)
	}
	runtime.GOMAXPROCS(threads)
	if err := serve(f, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(f Framework, in io.Reader, out io.Writer) error {
	answers := json.NewEncoder(out)
	start := map[string]any{"version": version(f.Module), "threads": runtime.GOMAXPROCS(0), "blas": f.BLAS, "go": runtime.Version()}
	if err := answers.Encode(start); err != nil {
		return err
	}
	var step func() error
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		answer, err := reply(f, lines.Text(), &step)
		if err != nil {
			answer = map[string]any{"error": strings.Join(strings.Fields(err.Error()), " ")}
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
	return lines.Err()
}

// reply executes a command. A panic of the framework becomes an error.
func reply(f Framework, line string, step *func() error) (answer map[string]any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	command, argument, _ := strings.Cut(line, " ")
	switch command {
	case "prepare":
		prepare, ok := f.Workloads[argument]
		if !ok {
			return map[string]any{"impossible": f.why(argument)}, nil
		}
		*step = nil
		prepared, err := prepare()
		if err != nil {
			return nil, err
		}
		for range warmUp {
			if err := prepared(); err != nil {
				return nil, err
			}
		}
		*step = prepared
		return map[string]any{"prepared": argument}, nil
	case "run":
		seconds, err := strconv.ParseFloat(argument, 64)
		if err != nil || *step == nil {
			return nil, fmt.Errorf("%q needs a number of seconds, and a workload that is prepared", line)
		}
		times, err := timed(*step, seconds)
		if err != nil {
			return nil, err
		}
		return map[string]any{"seconds": times, "peak_bytes": peakBytes()}, nil
	}
	return nil, fmt.Errorf("command %q is not known", command)
}

func (f Framework) why(name string) string {
	best, reason := -1, "no version of it is written"
	for beginning, why := range f.Impossible {
		if strings.HasPrefix(name, beginning) && len(beginning) > best {
			best, reason = len(beginning), why
		}
	}
	return reason
}

func timed(step func() error, seconds float64) ([]float64, error) {
	var times []float64
	for start := time.Now(); len(times) == 0 || time.Since(start).Seconds() < seconds; {
		before := time.Now()
		if err := step(); err != nil {
			return nil, err
		}
		times = append(times, time.Since(before).Seconds())
	}
	return times, nil
}

// version is the version of a module in this program.
func version(module string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == module {
				return m.Version
			}
		}
	}
	return "of unknown version"
}

// peakBytes is the highest resident memory of this process; nil where the system doesn't report it.
func peakBytes() *int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(status)) {
		var kilobytes int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); n == 1 {
			bytes := kilobytes * 1024
			return &bytes
		}
	}
	return nil
}
