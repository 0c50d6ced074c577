//go:build linux && (amd64 || arm64)

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/google/go-cmp/cmp"
)

// rankArguments is the variable that makes TestRankProcess a rank: the arguments of the program, one a line.
const rankArguments = "BESTIARY_TEST_RANK_ARGUMENTS"

// TestRankProcess is a process that mpirun starts for the other tests.
func TestRankProcess(t *testing.T) {
	arguments := os.Getenv(rankArguments)
	if arguments == "" {
		t.Skip("a part of the tests of mpirun")
	}
	os.Exit(run(strings.Split(arguments, "\n"), os.Stdout, os.Stderr))
}

// launchers are the programs that start ranks, where they are installed. The tests take more than a minute, so they run only if
// BESTIARY_RANKS is set, as CI does.
func launchers(t *testing.T) (all []string) {
	t.Helper()
	if os.Getenv("BESTIARY_RANKS") == "" {
		t.Skip("BESTIARY_RANKS is not set")
	}
	for _, name := range []string{"mpirun.openmpi", "mpirun.mpich"} {
		if _, err := exec.LookPath(name); err == nil {
			all = append(all, name)
		}
	}
	if all == nil {
		t.Skip("neither Open MPI nor MPICH is installed")
	}
	return all
}

// mpirun prepares n ranks of the program; with more than one list of arguments, a rank for each.
func mpirun(ctx context.Context, launcher string, n int, arguments ...[]string) *exec.Cmd {
	var line []string
	if strings.Contains(launcher, "openmpi") {
		line = append(line, "--oversubscribe")
	}
	for i, own := range arguments {
		if i > 0 {
			line = append(line, ":")
		}
		line = append(line, "-n", strconv.Itoa(n), "env", rankArguments+"="+strings.Join(own, "\n"), os.Args[0], "-test.run=^TestRankProcess$")
	}
	c := exec.CommandContext(ctx, launcher, line...)
	c.Env = append(os.Environ(), "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1")
	return c
}

// runRanks runs n ranks to their end.
func runRanks(t *testing.T, launcher string, n int, arguments ...[]string) (printed string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out, err := mpirun(ctx, launcher, n, arguments...).CombinedOutput()
	return string(out), err
}

// codedBirds makes a run with a trained dvae of tiny birds.
func codedBirds(t *testing.T) (dir string) {
	t.Helper()
	pictures(t, 4) // for its cache folder
	dir = filepath.Join(t.TempDir(), "birds")
	succeeds(t, "train", "dvae", "--data", "birds:1:64", "--out", dir, "--steps", "10", "--image-size", "16", "--hidden", "8", "--codes", "16",
		"--codebook-dim", "8", "--batch", "8", "--threads", "1")
	return dir
}

func sharedDALLE(run string, more ...string) []string {
	return append([]string{"train", "dalle", "--run", run, "--batch", "8", "--dim", "32", "--depth", "2", "--heads", "2", "--dim-head", "16", "--log-every", "1",
		"--eval-every", "25", "--checkpoint-every", "25", "--sample-every", "0", "--attn-dropout", "0.1", "--clip", "0.5", "--steps", "50",
		"--schedule", "constant", "--warmup", "0"}, more...)
}

// lossesOf returns the logged losses of a model.
func lossesOf(t *testing.T, dir, model string) (all []float64) {
	t.Helper()
	r, err := runfolder.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := r.Metrics(model)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		all = append(all, l.Values["loss"])
		if v, ok := l.Values["held_out.loss"]; ok {
			all = append(all, v)
		}
	}
	return all
}

// differ says how two trainings differ by more than a share; "" if they don't.
func differ(a, b []float64, tolerance float64) string {
	if len(a) != len(b) || len(a) == 0 {
		return fmt.Sprintf("%d and %d losses", len(a), len(b))
	}
	for i := range a {
		if d := (a[i] - b[i]) / a[i]; !(d < tolerance && d > -tolerance) {
			return fmt.Sprintf("loss %d is %v and %v", i, a[i], b[i])
		}
	}
	return ""
}

// trainedAlone returns a run with codes of birds, and the losses of one process that trains a DALL-E in a copy of it.
func trainedAlone(t *testing.T) (base string, losses []float64) {
	base = codedBirds(t)
	alone := filepath.Join(t.TempDir(), "alone")
	copyRun(t, base, alone)
	succeeds(t, sharedDALLE(alone, "--threads", "1")...)
	return base, lossesOf(t, alone, "dalle")
}

// TestMpirunTrainsAlike trains a DALL-E for 50 steps on 1, 2 and 4 ranks of both MPI libraries. The losses are the same, and other
// numbers of ranks resume the checkpoints.
func TestMpirunTrainsAlike(t *testing.T) {
	base, want := trainedAlone(t)
	for i, launcher := range launchers(t) {
		third := []string{"optimizer", "gradients"}[i%2]
		for _, way := range []struct {
			n     [2]int
			shard [2]string
		}{{[2]int{1, 4}, [2]string{"none", "parameters"}}, {[2]int{2, 1}, [2]string{"parameters", "none"}}, {[2]int{4, 2}, [2]string{third, third}}} {
			n, shard := way.n, way.shard
			dir := filepath.Join(t.TempDir(), "run")
			copyRun(t, base, dir)
			if printed, err := runRanks(t, launcher, n[0], sharedDALLE(dir, "--steps", "25", "--shard", shard[0])); err != nil {
				t.Fatalf("%s -n %d: %v\n%s", launcher, n[0], err, printed)
			}
			if printed, err := runRanks(t, launcher, n[1], []string{"train", "dalle", "--run", dir, "--resume", "--steps", "50", "--shard", shard[1]}); err != nil {
				t.Fatalf("%s -n %d, resumed: %v\n%s", launcher, n[1], err, printed)
			}
			if d := differ(want, lossesOf(t, dir, "dalle"), 1e-5); d != "" {
				t.Errorf("%s, %d and then %d ranks, shard %s: %s", launcher, n[0], n[1], shard, d)
			}
		}
	}
}

// TestMpirunReduceBfloat16 trains a DALL-E whose gradients ranks send as bfloat16, with each shard: losses are near those of float32, and not
// the same.
func TestMpirunReduceBfloat16(t *testing.T) {
	base, want := trainedAlone(t)
	for i, launcher := range launchers(t) {
		for j, shard := range []string{"none", "optimizer", "gradients", "parameters"} {
			if j%2 != i%2 && len(launchers(t)) > 1 {
				continue // the other library has it
			}
			dir := filepath.Join(t.TempDir(), "run")
			copyRun(t, base, dir)
			if printed, err := runRanks(t, launcher, 4-2*(j/2), sharedDALLE(dir, "--shard", shard, "--reduce", "bfloat16")); err != nil {
				t.Fatalf("%s, shard %s: %v\n%s", launcher, shard, err, printed)
			}
			got := lossesOf(t, dir, "dalle")
			if d := differ(want, got, 5e-3); d != "" {
				t.Errorf("%s, shard %s: %s", launcher, shard, d)
			}
			if differ(want, got, 1e-7) == "" {
				t.Errorf("%s, shard %s: nothing is rounded", launcher, shard)
			}
		}
	}
}

// TestMpirunFineTunes begins with the weights of another run on two ranks, which say so if they don't have the same, and leave nothing
// behind if the training doesn't begin.
func TestMpirunFineTunes(t *testing.T) {
	launcher, base := launchers(t)[0], codedBirds(t)
	first, alone, together := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "alone"), filepath.Join(t.TempDir(), "together")
	for _, dir := range []string{first, alone, together} {
		copyRun(t, base, dir)
	}
	succeeds(t, sharedDALLE(first, "--threads", "1")...)
	tune := func(run string, more ...string) []string {
		return append([]string{"train", "dalle", "--run", run, "--from", first, "--batch", "8", "--steps", "6", "--log-every", "1", "--sample-every", "0", "--warmup", "0", "--lr", "0.001"}, more...)
	}
	succeeds(t, tune(alone, "--threads", "1")...)
	for want, arguments := range map[string][][]string{
		"--batch 7: doesn't divide among 2 ranks":  {tune(together, "--batch", "7"), tune(together, "--batch", "7")},
		"rank 1 has nothing for --from where rank": {tune(together), tune(together, "--from=")},
		"nowhere: there is no such run folder":     {tune(together, "--from", "nowhere"), tune(together, "--from", "nowhere")},
	} {
		if printed, err := runRanks(t, launcher, 1, arguments...); err == nil || !strings.Contains(printed, want) {
			t.Errorf("%v, %q, want %q", err, printed, want)
		}
	}
	if printed, err := runRanks(t, launcher, 2, tune(together, "--shard", "parameters")); err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	if d := differ(lossesOf(t, alone, "dalle"), lossesOf(t, together, "dalle"), 1e-5); d != "" {
		t.Error(d)
	}
}

// TestMpirunJoint trains models whose losses look at the whole batch: batch norm, and the contrast of CLIP. A
// gradient of a weight before batch norm is 0 but for rounding in some directions, which Adam enlarges.
func TestMpirunJoint(t *testing.T) {
	launcher := launchers(t)[0]
	folder, base := pictures(t, 40), codedBirds(t)
	clip := func(run string) []string {
		return []string{"train", "clip", "--run", run, "--batch", "8", "--steps", "12", "--log-every", "1", "--latent", "16", "--text-dim", "16", "--text-depth", "1",
			"--image-dim", "16", "--image-depth", "1", "--sample-every", "0", "--eval-every", "6"}
	}
	coder := func(run string) []string {
		return []string{"train", "autoencoder", "--channels", "3,4,4,8,8,8", "--hidden", "16", "--embedding", "6", "--image-size", "32", "--batch", "8",
			"--data", folder, "--out", run, "--steps", "12", "--log-every", "1", "--sample-every", "0", "--eval-every", "0", "--patience", "0"}
	}
	for model, arguments := range map[string]func(string) []string{"clip": clip, "autoencoder": coder} {
		alone, together := filepath.Join(t.TempDir(), "alone"), filepath.Join(t.TempDir(), "together")
		if model == "clip" {
			copyRun(t, base, alone)
			copyRun(t, base, together)
		}
		succeeds(t, arguments(alone)...)
		if printed, err := runRanks(t, launcher, 2, arguments(together)); err != nil {
			t.Fatalf("%s: %v\n%s", model, err, printed)
		}
		if d := differ(lossesOf(t, alone, model), lossesOf(t, together, model), 1e-4); d != "" {
			t.Errorf("%s: %s", model, d)
		}
	}
}

// TestMpirunDisagree starts ranks whose settings differ, and a batch that doesn't divide.
func TestMpirunDisagree(t *testing.T) {
	launcher, base := launchers(t)[0], codedBirds(t)
	printed, err := runRanks(t, launcher, 1, sharedDALLE(base), sharedDALLE(base, "--lr", "0.01"))
	if want := "rank 1 has 0.01 for --lr where rank 0 has"; err == nil || !strings.Contains(printed, want) {
		t.Errorf("%v, %q, want %q", err, printed, want)
	}
	printed, err = runRanks(t, launcher, 1, sharedDALLE(base), []string{"train", "clip", "--run", base})
	if want := "rank 1 has clip for the command where rank 0 has dalle"; err == nil || !strings.Contains(printed, want) {
		t.Errorf("%v, %q, want %q", err, printed, want)
	}
	other := filepath.Join(t.TempDir(), "other")
	copyRun(t, base, other)
	printed, err = runRanks(t, launcher, 1, sharedDALLE(base), sharedDALLE(other))
	if want := "rank 1 has " + other + " for --run where rank 0 has " + base; err == nil || !strings.Contains(printed, want) {
		t.Errorf("%v, %q, want %q", err, printed, want)
	}
	printed, err = runRanks(t, launcher, 2, sharedDALLE(base, "--batch", "7"))
	if want := "--batch 7: doesn't divide among 2 ranks"; err == nil || !strings.Contains(printed, want) {
		t.Errorf("%v, %q, want %q", err, printed, want)
	}
}

// TestMpirunDivides generates, samples and evaluates on two ranks: files, pictures and figures are those of one process, and each is written
// once. Ranks that are given different things say so, and other commands refuse to be run twice.
func TestMpirunDivides(t *testing.T) {
	all := launchers(t)
	birds, pets := birdsRun(t), filepath.Join(t.TempDir(), "pets")
	folder := pictures(t, 40)
	succeeds(t, tiny("--data", folder, "--out", pets, "--steps", "4", "--sample-every", "0", "--eval-every", "0", "--patience", "0")...)
	succeeds(t, "train", "flow", "--run", pets, "--batch", "8", "--steps", "4", "--sample-every", "0", "--eval-every", "0", "--threads", "1")
	generate := []string{"generate", "--run", birds, "--json", "-n", "3", "--batch", "2", "--seed", "5", "--each", "drawn", "--out", "grid.png", "--codes", "codes.json", "a red bird", "a blue bird"}
	for i, arguments := range [][]string{
		generate,
		{"sample", "--run", pets, "--json", "-n", "3", "--seed", "5", "--each", "drawn", "--out", "grid.png"},
		{"eval", "--run", pets, "--data", folder, "--split", "all", "--samples", "70"},
		{"eval", "--run", birds, "--data", "birds:4:30", "--generated", "20", "--samples", "20", "--copies", "copies.png"},
	} {
		t.Chdir(t.TempDir())
		printed := succeeds(t, append(arguments, "--threads", "1")...)
		want := written(t)
		t.Chdir(t.TempDir())
		launcher := all[i%len(all)]
		got, err := runRanks(t, launcher, 2, arguments)
		if err != nil || strings.Count(got, printed) != 1 {
			t.Errorf("%s by %s: %v\n%s\nwant once\n%s", arguments[0], launcher, err, got, printed)
		}
		if diff := cmp.Diff(want, written(t)); diff != "" {
			t.Errorf("%s by %s (- one process, + two ranks):\n%s", arguments[0], launcher, diff)
		}
	}
	for want, arguments := range map[string][][]string{
		"rank 1 has 6 for --seed where rank 0 has 5":  {generate, append(generate, "--seed", "6")},
		"bestiary info runs in one process, and":      {{"info", birds}, {"info", birds}},
		"--prompts -: a launcher passes the standard": {{"generate", "--run", birds, "--prompts", "-"}, {"generate", "--run", birds, "--prompts", "-"}},
	} {
		if printed, err := runRanks(t, all[0], 1, arguments...); err == nil || !strings.Contains(printed, want) {
			t.Errorf("%v, %q, want %q", err, printed, want)
		}
	}
}

// written returns checksums of the files below the working folder.
func written(t *testing.T) map[string]string {
	t.Helper()
	sums := map[string]string{}
	err := filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		sums[path] = fmt.Sprintf("%x", sha256.Sum256(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

// TestMpirunKilled kills a random rank at random moments: all ranks end soon, the run is whole, and it is resumed to the same losses.
// BESTIARY_KILLS is the number of kills, 2 by default.
func TestMpirunKilled(t *testing.T) {
	kills, err := strconv.Atoi(os.Getenv("BESTIARY_KILLS"))
	if err != nil {
		kills = 2
	}
	base := codedBirds(t)
	alone := filepath.Join(t.TempDir(), "alone")
	copyRun(t, base, alone)
	succeeds(t, sharedDALLE(alone, "--threads", "1", "--checkpoint-every", "5")...)
	want := lossesOf(t, alone, "dalle")
	longest := time.Duration(0)
	for i := range kills {
		launcher := launchers(t)[i%len(launchers(t))]
		dir := filepath.Join(t.TempDir(), "run")
		copyRun(t, base, dir)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		c := mpirun(ctx, launcher, 2, sharedDALLE(dir, "--checkpoint-every", "5"))
		var out bytes.Buffer
		c.Stdout, c.Stderr = &out, &out
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(200+rand.IntN(2000)) * time.Millisecond)
		victims := rankProcesses(c.Process.Pid)
		if len(victims) > 0 {
			_ = syscall.Kill(victims[rand.IntN(len(victims))], syscall.SIGKILL)
		}
		began := time.Now()
		_ = c.Wait()
		cancel()
		for _, pid := range victims { // a launcher may end before the processes that it ends
			for syscall.Kill(pid, 0) == nil && time.Since(began) < 2*time.Minute {
				time.Sleep(10 * time.Millisecond)
			}
		}
		longest = max(longest, time.Since(began))
		if longest > time.Minute {
			t.Fatalf("%s: the other rank went on for %v\n%s", launcher, longest, out.String())
		}
		if v, err := train.Verify(dir); err != nil || len(v.Problems) > 0 {
			t.Fatalf("kill %d: the run is damaged: %+v, %v", i, v, err)
		}
		again := sharedDALLE(dir, "--checkpoint-every", "5")
		if r, err := runfolder.Open(dir); err == nil && r.HasTraining("dalle") {
			again = []string{"train", "dalle", "--run", dir, "--resume"}
		}
		succeeds(t, again...)
		if d := differ(want, lossesOf(t, dir, "dalle"), 1e-5); d != "" {
			t.Fatalf("kill %d: %s", i, d)
		}
	}
	t.Logf("%d kills: the other rank ended after %v at most", kills, longest)
}

// TestMpirunHangs stops a rank within a step, and one while rank 0 saves: the other names it after --rank-timeout, and all end.
func TestMpirunHangs(t *testing.T) {
	const timeout = 3 * time.Second
	base := codedBirds(t)
	for i, launcher := range launchers(t) {
		for _, hang := range []struct {
			rank  int
			saves bool
		}{{i % 2, true}, {1 - i%2, false}} {
			name := fmt.Sprintf("%s, rank %d stops, saving: %v", launcher, hang.rank, hang.saves)
			every := "100000"
			if hang.saves {
				every = "2"
			}
			dir := filepath.Join(t.TempDir(), "run")
			copyRun(t, base, dir)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			c := mpirun(ctx, launcher, 2, sharedDALLE(dir, "--steps", "100000", "--eval-every", "0", "--rank-timeout", timeout.String(), "--checkpoint-every", every))
			var out bytes.Buffer
			c.Stdout, c.Stderr = &out, &out
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			if !trains(dir, 8) {
				t.Fatalf("%s: no training\n%s", name, out.String())
			}
			victim := processOf(c.Process.Pid, hang.rank)
			if victim == 0 || hang.saves && !writes(dir) {
				t.Fatalf("%s: no process %d or no checkpoint\n%s", name, victim, out.String())
			}
			_ = syscall.Kill(victim, syscall.SIGSTOP)
			began := time.Now()
			err := c.Wait()
			took, want := time.Since(began), fmt.Sprintf("rank %d doesn't answer within %v", hang.rank, timeout)
			if err == nil || took > 5*timeout || !strings.Contains(out.String(), want) {
				t.Errorf("%s: after %v: %v\n%s", name, took, err, out.String())
			}
			t.Logf("%s: all had ended after %v", name, took.Round(time.Millisecond))
			if v, err := train.Verify(dir); err != nil || len(v.Problems) > 0 {
				t.Errorf("%s: the run is damaged: %+v, %v", name, v, err)
			}
		}
	}
}

// trains waits until a DALL-E has trained for some steps.
func trains(dir string, steps int) bool {
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(50 * time.Millisecond) {
		if r, err := runfolder.Open(dir); err == nil {
			if lines, _ := r.Metrics("dalle"); len(lines) >= steps {
				return true
			}
		}
	}
	return false
}

// writes waits until a checkpoint is being written.
func writes(dir string) bool {
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(100 * time.Microsecond) {
		if next, _ := filepath.Glob(filepath.Join(dir, "*.next")); next != nil {
			return true
		}
	}
	return false
}

// processOf returns the process of a rank below a launcher; 0 if there is none.
func processOf(launcher, rank int) int {
	for _, pid := range rankProcesses(launcher) {
		environment, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		for _, entry := range strings.Split(string(environment), "\x00") {
			if entry == fmt.Sprintf("OMPI_COMM_WORLD_RANK=%d", rank) || entry == fmt.Sprintf("PMI_RANK=%d", rank) {
				return pid
			}
		}
	}
	return 0
}

// rankProcesses returns the processes of the program below a launcher.
func rankProcesses(launcher int) (all []int) {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	program := map[int]bool{}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], pid)
		target, _ := os.Readlink(filepath.Dir(path) + "/exe")
		program[pid] = target == os.Args[0]
	}
	for queue := []int{launcher}; len(queue) > 0; queue = queue[1:] {
		for _, c := range children[queue[0]] {
			if queue = append(queue, c); program[c] {
				all = append(all, c)
			}
		}
	}
	return all
}

// copyRun copies a run folder.
func copyRun(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}
