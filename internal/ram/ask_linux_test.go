package ram

import (
	"os"
	"path/filepath"
	"testing"
)

func TestUnder(t *testing.T) {
	const (
		meminfo = "MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    800 kB\nSwapFree:         50 kB\n"
		status  = "Name:\ttest\nVmRSS:\t      90 kB\nRssAnon:\t      70 kB\nVmSwap:\t       5 kB\n"
	)
	whole := system{memory: 1000 << 10, free: 850 << 10, resident: 75 << 10}
	for name, c := range map[string]struct {
		files map[string]string
		want  system
	}{
		"no groups":       {nil, whole},
		"an older kernel": {map[string]string{"proc/self/status": "VmRSS: 90 kB\n"}, system{whole.memory, whole.free, -1}},
		"version 2, without limits": {map[string]string{
			"proc/self/cgroup": "0::/user.slice\n", "sys/fs/cgroup/user.slice/memory.max": "max\n", "sys/fs/cgroup/user.slice/memory.current": "5\n",
		}, whole},
		"version 2, limit above": {map[string]string{
			"proc/self/cgroup":                    "0::/user.slice/shell\n",
			"sys/fs/cgroup/user.slice/memory.max": "400000\n", "sys/fs/cgroup/user.slice/memory.current": "300000\n",
			"sys/fs/cgroup/user.slice/memory.stat":      "anon 200000\nactive_file 20000\ninactive_file 30000\n",
			"sys/fs/cgroup/user.slice/shell/memory.max": "max\n",
		}, system{400000, 150000, whole.resident}},
		"version 2, in a container": {map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "400000\n", "sys/fs/cgroup/memory.current": "300000\n",
		}, system{400000, 100000, whole.resident}},
		"version 1": {map[string]string{
			"proc/self/cgroup":                           "4:memory:/docker/a4\n3:cpuset:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "900000\n",
			"sys/fs/cgroup/memory/docker/a4/memory.limit_in_bytes": "500000\n", "sys/fs/cgroup/memory/docker/a4/memory.usage_in_bytes": "450000\n",
			"sys/fs/cgroup/memory/docker/a4/memory.stat": "active_file 1\ntotal_active_file 10000\ntotal_inactive_file 5000\n",
		}, system{500000, 65000, whole.resident}},
		"version 1, in a container that sees itself as the root": {map[string]string{
			"proc/self/cgroup":                           "4:memory:/docker/a4\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "500000\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "450000\n",
		}, system{500000, 50000, whole.resident}},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			files := map[string]string{"proc/meminfo": meminfo, "proc/self/status": status}
			for path, text := range c.files {
				files[path] = text
			}
			for path, text := range files {
				if err := os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			if got, ok := under(root); got != c.want || !ok {
				t.Errorf("%+v %t, want %+v", got, ok, c.want)
			}
		})
	}
	if _, ok := under(t.TempDir()); ok {
		t.Error("tells how much memory there is where nothing does")
	}
}
