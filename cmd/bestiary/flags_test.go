package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/train"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commands lists all commands that run something.
func commands(c *cobra.Command) (all []*cobra.Command) {
	for _, sub := range c.Commands() {
		all = append(all, commands(sub)...)
	}
	if (!c.HasSubCommands() || c.Name() == "bench" || c.Name() == "demo") && c.Name() != "help" && c.Name() != "completion" {
		all = append(all, c)
	}
	return all
}

// baseOf returns a command line that fails after its flags are checked, since there is no such data or run.
func baseOf(c *cobra.Command) []string {
	args := strings.Fields(c.CommandPath())[1:]
	switch c.CommandPath() {
	case "bestiary train autoencoder", "bestiary train kl", "bestiary train dvae", "bestiary train vqgan", "bestiary train classifier", "bestiary train ssd", "bestiary train maskrcnn":
		return append(args, "--data", "nowhere", "--out", "run")
	case "bestiary generate":
		return append(args, "--run", "nowhere", "a bird")
	case "bestiary export":
		return append(args, "--run", "nowhere", "--out", "x.pt")
	case "bestiary import":
		return append(args, "--out", "run", "nowhere.pt")
	case "bestiary train density":
		return append(args, "--data", "nowhere.csv", "--out", "run")
	case "bestiary density":
		return append(args, "--run", "nowhere", "--data", "nowhere.csv")
	case "bestiary detect", "bestiary segment":
		return append(args, "--run", "nowhere", "nothing.jpg")
	case "bestiary crop":
		return append(args, "--run", "nowhere", "--data", "nothing", "--out", "cropped")
	case "bestiary bench", "bestiary bench tables", "bestiary bench backbones":
		return append(args, "--only", "nonsense")
	case "bestiary bench scaling":
		return append(args, "--gpu", "nonsense")
	case "bestiary demo", "bestiary demo detection":
		return append(args, "--out", "taken")
	case "bestiary cache limit":
		return append(args, "nonsense")
	case "bestiary compare":
		return append(args, "nowhere", "nothing")
	case "bestiary verify", "bestiary info", "bestiary check", "bestiary man", "bestiary serve":
		return append(args, "nowhere")
	}
	if c.Flags().Lookup("run") != nil {
		args = append(args, "--run", "nowhere")
	}
	return args
}

// goError are words of Go and its libraries that say nothing to a user.
var goError = regexp.MustCompile(`strconv|Parse[A-Z]|pflag|invalid syntax|invalid argument|panic|runtime error|goroutine|%!|<nil>|\.go:`)

// allowed reports whether a number flag may have one of the odd values of TestEveryFlag.
func allowed(flag, value string) bool {
	switch value {
	case "0":
		return flag != "zoom" && flag != "crop"
	case "99999999999", "99999999999999999999999":
		return flag == "seed" || flag == "top-k" || flag == "clip"
	case "-1", "-0.5":
		return flag == "guidance" || flag == "time-mean"
	}
	return false
}

// TestEveryFlag sets every flag of every command to values at and beyond its limits. The command ends with one sentence
// that names the flag, or it gets past its flags.
func TestEveryFlag(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	// Thousands of command lines: each builds all flags anew, and listens to signals for a moment, which is cheap while another does.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	_, stop := train.UntilSignal(t.Context())
	defer stop()
	if err := os.MkdirAll(filepath.Join("taken", "cat"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c := range commands(newRoot()) {
		base := baseOf(c)
		if len(base) == 1 && (base[0] == "doctor" || base[0] == "version") || base[0] == "completion" || c.CommandPath() == "bestiary cache show" || c.CommandPath() == "bestiary cache clear" {
			continue // they end well
		}
		_, usual, _ := bestiary(t, base...)
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if base[0] == "demo" && f.Name == "out" {
				return // a demo in another folder
			}
			text := slices.Contains([]string{"string", "stringArray", "stringSlice"}, f.Value.Type())
			values := []string{"0", "-1", "-0.5", "99999999999", "99999999999999999999999", "1e300", "NaN", "Inf", "text", "", "a b\nc"}
			if text { // to it, all numbers are a text
				values = []string{"0", "-1", "text", "", "a b\nc"}
			}
			for _, value := range values {
				if f.Value.Type() == "bool" && value != "text" {
					continue
				}
				_, stderr, code := bestiary(t, append(slices.Clone(base), fmt.Sprintf("--%s=%s", f.Name, value))...)
				line := strings.TrimSuffix(stderr, "\n")
				switch {
				case f.Name == "help":
				case code == 0 || !strings.HasPrefix(line, "bestiary: ") || strings.Contains(line, "\n") && !strings.Contains(usual, "\n") || goError.MatchString(line):
					t.Errorf("%s --%s=%q: code %d, %q", c.CommandPath(), f.Name, value, code, stderr)
				case text:
				case stderr == usual:
					if !allowed(f.Name, value) && c.Name() != "bench" { // bench names its workloads first
						t.Errorf("%s --%s=%q is accepted", c.CommandPath(), f.Name, value)
					}
				case !strings.Contains(line, "--"+f.Name) && !strings.Contains(line, ": -"+f.Name):
					t.Errorf("%s --%s=%q: the error doesn't name the flag: %q", c.CommandPath(), f.Name, value, stderr)
				}
			}
		})
	}
	if left, _ := os.ReadDir("."); len(left) > 1 {
		t.Errorf("wrong flags left %v behind", left)
	}
}

// TestFlagErrors compares the errors for values that are no values of their flags.
func TestFlagErrors(t *testing.T) {
	for args, want := range map[string]string{
		"sample --run x --seed -1":                              "--seed -1: must be a whole number from 0 to 18446744073709551615",
		"sample --run x -n 1.5":                                 "-n 1.5: must be a whole number, at most 18 digits long",
		"train flow --run x --lr fast":                          "--lr fast: must be a number, such as 0.5 or 1e-4",
		"train flow --run x --lr=":                              "--lr: has no value; it must be a number, such as 0.5 or 1e-4",
		"train flow --run x --hidden 3,x":                       "--hidden 3,x: must be whole numbers, separated by commas",
		"train flow --run x --hidden 3,-2":                      "--hidden 3,-2: must be widths of 1 to 65536",
		"bench --time 3":                                        "--time 3: must be a time with its unit, such as 3s or 500ms",
		"demo --quick=perhaps":                                  "--quick perhaps: must be true or false",
		"train dvae --data x --out y --zoom 0":                  "unknown flag: --zoom; see bestiary train dvae --help",
		"train dvae --data x --out y --crop 0":                  "--crop 0: must be above 0 and at most 1, which is no crops",
		"train autoencoder --data x --out y --zoom 0":           "--zoom 0: must be above 0 and at most 1, which is no crops",
		"train flow --run x --epochs 99999999999":               "--epochs 99999999999: must be 0 to 2147483647",
		"train flow --run x --optimizer=":                       `--optimizer "": is not known; use adam, adamw or sgd`,
		"train dalle --run x --attention row":                   "--attention row: must be full, axial_row, axial_col, conv_like or sparse",
		"train clip --run x --cased":                            "--cased and --uncased need --tokenizer; name a vocab.txt",
		"export --run x --format safetensors --out foo.pt":      "--format safetensors: is not what --out foo.pt ends in; let it end as the format does, or leave out --format",
		"export --run x --format pytorch --out foo.safetensors": "--format pytorch: is not what --out foo.safetensors ends in; let it end as the format does, or leave out --format",
	} {
		_, stderr, code := bestiary(t, strings.Fields(args)...)
		if want = "bestiary: " + want + "\n"; stderr != want || code != 2 {
			t.Errorf("bestiary %s: code %d, %q, want %q", args, code, stderr, want)
		}
	}
}

// TestNothingIsLost writes over files: weights need --force, pictures and codes replace only their like.
func TestNothingIsLost(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"old.pt", "old.json", "cat.png"} {
		if err := os.WriteFile(name, []byte("old"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for args, want := range map[string]string{
		"export --run x --out old.pt":                                    "old.pt: exists; give --force to replace it, or choose another name",
		"export --run x --out old.pt --force":                            "x: there is no such run folder; check the path, or train a model there first",
		"generate --run x --codes old.json a":                            "--codes old.json: exists and holds no codes; choose another name",
		"generate --run x --codes new.png --out new.png a":               "--codes new.png: is also --out; choose another name",
		"generate --run x --prime cat.png --out ./cat.png a":             "--out ./cat.png: would overwrite cat.png, which the command reads; choose another name",
		"reconstruct --run x cat.png --out cat.png":                      "--out cat.png: would overwrite cat.png, which the command reads; choose another name",
		"interpolate --run x --from cat.png --to dog.png --out cat.png":  "--out cat.png: would overwrite cat.png, which the command reads; choose another name",
		"interpolate --run x --from bird.png --to dog.png --out cat.png": "x: there is no such run folder; check the path, or train a model there first",
	} {
		_, stderr, code := bestiary(t, strings.Fields(args)...)
		if want = "bestiary: " + want + "\n"; stderr != want || code == 0 {
			t.Errorf("bestiary %s: code %d, %q, want %q", args, code, stderr, want)
		}
	}
	for _, name := range []string{"old.pt", "old.json", "cat.png"} {
		if content, err := os.ReadFile(name); err != nil || string(content) != "old" {
			t.Errorf("%s is %q, %v", name, content, err)
		}
	}
}
