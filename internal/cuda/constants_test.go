package cuda

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// constantOf evaluates a constant of a file: "#define NAME n", or "const int NAME = expression" of a number, or of another
// constant plus a number.
func constantOf(sources map[string]string, file, name string) (int, error) {
	text := sources[file]
	found := regexp.MustCompile(`(?m)^#define ` + name + ` (.+)$`).FindStringSubmatch(text)
	if found == nil {
		found = regexp.MustCompile(`const int (?:[^;]*, )?` + name + ` = ([^,;]+)`).FindStringSubmatch(text)
	}
	if found == nil {
		return 0, fmt.Errorf("no constant %s in %s", name, file)
	}
	if n, err := strconv.Atoi(found[1]); err == nil {
		return n, nil
	}
	other, rest, _ := strings.Cut(found[1], " + ")
	n, err := constantOf(sources, file, other)
	if err != nil {
		return 0, err
	}
	more, err := strconv.Atoi(rest)
	return n + more, err
}

// TestSharedConstants compares the constants that Go and CUDA have in common.
func TestSharedConstants(t *testing.T) {
	sources := cudaSources(t)
	for _, c := range []struct {
		file, name string
		want       int
	}{
		{"arithmetic.cuh", "THREADS", tileThreads}, {"arithmetic.cuh", "DEPTH", 16},
		{"attention.cu", "ROW_THREADS", rowThreads}, {"attention_scores.cuh", "TILE", kernel.AttentionTile},
		{"attention_scores.cuh", "ATTENTION_THREADS", attentionThreads}, {"attention_scores.cuh", "SCORE_PITCH", scorePitch},
		{"convolution.cu", "NARROW", narrow}, {"memory.cu", "MOST_WORDS", len(words{}.values)}, {"optimisation.cu", "CHUNK", chunk},
		{"products.cu", "SKINNY", skinny}, {"small.cu", "SIDE", smallSide},
	} {
		if got, err := constantOf(sources, c.file, c.name); err != nil || got != c.want {
			t.Errorf("%s in %s is %d, want %d (%v)", c.name, c.file, got, c.want, err)
		}
	}
}

// TestSharedEnums compares the values of kinds of operations.
func TestSharedEnums(t *testing.T) {
	sources := cudaSources(t)
	enumerators := regexp.MustCompile(`(?s)enum \{(.*?)\}`)
	values := map[string]int{}
	count := map[string]int{} // of the enumerators of an enum, by its first
	for _, text := range sources {
		for _, found := range enumerators.FindAllStringSubmatch(text, -1) {
			names := strings.Split(found[1], ",")
			for i, name := range names {
				name, value, explicit := strings.Cut(strings.TrimSpace(name), " = ")
				if values[name] = i; explicit {
					values[name], _ = strconv.Atoi(value)
				}
				if i == 0 {
					count[name] = len(names)
				}
			}
		}
	}
	for name, want := range map[string]int{
		"ACT_NONE": int(kernel.ActNone), "ACT_RELU": int(kernel.ActReLU), "ACT_LEAKY_RELU": int(kernel.ActLeakyReLU), "ACT_TANH": int(kernel.ActTanh),
		"ACT_SIGMOID": int(kernel.ActSigmoid), "ACT_GELU": int(kernel.ActGELU), "SUM": int(kernel.Sum), "MAX": int(kernel.Max), "SQUARED_ERROR": int(kernel.SquaredError),
		"SMOOTH_L1": int(kernel.SmoothL1), "SCALE": int(kernel.Scale), "SOFTPLUS": int(kernel.Softplus), "CLAMP_MAX": int(kernel.ClampMax),
		"ADD": int(kernel.Add), "DIV": int(kernel.Div), "MINIMUM": int(kernel.Minimum),
		"DRAWN_NAN": kernel.DrawnNaN, "DRAWN_INFINITE": kernel.DrawnInfinite, "DRAWN_NONE": kernel.DrawnNone,
	} {
		if got, ok := values[name]; !ok || got != want {
			t.Errorf("%s is %d (defined: %v), want %d", name, got, ok, want)
		}
	}
	if count["SCALE"] != int(kernel.UnaryOpCount) || count["ADD"] != int(kernel.BinaryOpCount) {
		t.Errorf("%d unary and %d binary operations, want %d and %d", count["SCALE"], count["ADD"], kernel.UnaryOpCount, kernel.BinaryOpCount)
	}
}
