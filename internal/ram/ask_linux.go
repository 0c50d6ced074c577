package ram

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// ask reads the memory of the machine and the limits of this process from the kernel.
func ask() (system, bool) { return under("/") }

// under is ask with another root of the file system, for tests.
func under(root string) (system, bool) {
	read := func(path string) string {
		text, _ := os.ReadFile(filepath.Join(root, path)) // a file that can't be read sets no limit
		return string(text)
	}
	machine := fields(read("proc/meminfo"))
	available, ok := machine["MemAvailable"] // Linux 3.14
	if !ok {
		return system{}, false
	}
	s := system{memory: machine["MemTotal"] << 10, free: (available + machine["SwapFree"]) << 10, resident: -1}
	process := fields(read("proc/self/status"))
	if anonymous, ok := process["RssAnon"]; ok { // Linux 4.5
		s.resident = (anonymous + process["VmSwap"]) << 10
	}
	for line := range strings.Lines(read("proc/self/cgroup")) {
		// "0::/user.slice" is version 2, "4:memory:/docker/a4a0" version 1.
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch controllers, path, _ := strings.Cut(rest, ":"); controllers {
		case "":
			s.confine(read, "sys/fs/cgroup", path, "memory.max", "memory.current", "")
		case "memory":
			s.confine(read, "sys/fs/cgroup/memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
		}
	}
	var space syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_AS, &space) == nil && space.Cur < 1<<62 { // ulimit -v
		const step = 64 << 20 // in which Go takes memory
		s.free = min(s.free, int(space.Cur)-process["VmSize"]<<10-step)
	}
	return s, true
}

// confine lowers s to the limits of a control group and its ancestors. In a container the own group may appear as the root,
// whatever its path.
func (s *system) confine(read func(string) string, root, group, limitFile, usageFile, prefix string) {
	for dir := filepath.Clean("/" + group); ; dir = filepath.Dir(dir) {
		at := func(file string) string { return filepath.Join(root, dir, file) }
		limit, err := strconv.Atoi(strings.TrimSpace(read(at(limitFile))))
		if err == nil && limit < 1<<62 { // otherwise there is no limit, or "max"
			usage, _ := strconv.Atoi(strings.TrimSpace(read(at(usageFile))))
			stat := fields(read(at("memory.stat")))
			cached := stat[prefix+"active_file"] + stat[prefix+"inactive_file"] // the kernel frees it when needed
			s.memory = min(s.memory, limit)
			s.free = min(s.free, limit-usage+cached)
		}
		if dir == "/" {
			return
		}
	}
}

// fields returns the numbers of lines like "MemFree:  12 kB" or "active_file 12", in the unit of the file.
func fields(text string) map[string]int {
	numbers := map[string]int{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		if n, err := strconv.Atoi(words[1]); err == nil {
			numbers[strings.TrimSuffix(words[0], ":")] = n
		}
	}
	return numbers
}
