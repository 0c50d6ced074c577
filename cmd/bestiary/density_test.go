package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// writeTable writes a table of pets with a missing cell every fifty rows.
func writeTable(t *testing.T, dir string, n int) string {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	text := "kind,weight,legs,heading,note\n"
	for i := range n {
		kind, weight := "cat", 4+random.NormFloat64()/2
		if i%3 == 0 {
			kind, weight = "dog", 20+4*random.NormFloat64()
		}
		cell := fmt.Sprintf("%.4f", weight)
		if i%50 == 7 {
			cell = "NA"
		}
		text += fmt.Sprintf("%s,%s,%d,%.3f,\"seen, once\"\n", kind, cell, 3+random.IntN(2), 360*random.Float64())
	}
	path := filepath.Join(dir, "pets.csv")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func tinyDensity(path, run string, more ...string) []string {
	return append([]string{"train", "density", "--data", path, "--out", run, "--architecture", "maf", "--hidden", "8", "--batch", "32",
		"--steps", "30", "--threads", "1", "--target", "weight,legs,heading", "--condition", "kind"}, more...)
}

func readCSV(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestDensityRun trains a density on a table, scores the table, samples rows and measures the density.
func TestDensityRun(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	data, run := writeTable(t, dir, 300), filepath.Join(dir, "run")
	stdout, stderr, code := bestiary(t, tinyDensity(data, run)...)
	if code != 0 || !strings.Contains(stdout, "density: 30 steps") {
		t.Fatalf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	for _, words := range []string{"weight: continuous", "6 missing", "kind: category, 2 categories", "heading: angle, 0 to 360", "legs: integer, 3 to 4",
		"294 rows (6 more are left out", "density over weight, legs, heading given kind", "29 held out"} {
		if !strings.Contains(stderr, words) {
			t.Errorf("the training doesn't print %q but %q", words, stderr)
		}
	}
	succeeds(t, "density", "--run", run, "--data", data, "--out", "scored.csv")
	scored := readCSV(t, "scored.csv")
	if len(scored) != 301 || strings.Join(scored[0], " ") != "kind weight legs heading note log_density rank" {
		t.Fatalf("%d lines, the first is %v", len(scored), scored[0])
	}
	ranks := 0.0
	for i, row := range scored[1:] {
		if row[4] != "seen, once" {
			t.Fatalf("row %d has become %q", i, row)
		}
		if missing := row[1] == "NA"; missing != (row[5] == "") || missing != (row[6] == "") {
			t.Fatalf("row %d is %q", i, row)
		} else if !missing {
			rank, err := strconv.ParseFloat(row[6], 64)
			if err != nil || rank < 0 || rank > 1 {
				t.Fatalf("rank %q", row[6])
			}
			ranks += rank / 294
		}
	}
	if math.Abs(ranks-0.5) > 0.05 {
		t.Errorf("the mean rank among the own rows is %v", ranks)
	}
	var report struct {
		Rows, Left_Out int
		Scores         []struct {
			Line        int
			Log_Density float64
			Rank        *float64
		}
	}
	if err := json.Unmarshal([]byte(succeeds(t, "density", "--run", run, "--data", data, "--json", "--no-rank")), &report); err != nil {
		t.Fatal(err)
	}
	if report.Rows != 294 || report.Left_Out != 6 || len(report.Scores) != 294 || report.Scores[7].Line != 10 || report.Scores[0].Rank != nil ||
		!sameNumber(report.Scores[0].Log_Density, scored[1][5]) {
		t.Errorf("%d rows, %d left out, score %+v, the table has %s", report.Rows, report.Left_Out, report.Scores[0], scored[1][5])
	}
	succeeds(t, "sample", "--run", run, "-n", "50", "--given", "kind=dog", "--out", "dogs.csv")
	succeeds(t, "sample", "--run", run, "-n", "50")
	for path, all := range map[string][][]string{"dogs.csv": readCSV(t, "dogs.csv"), "samples.csv": readCSV(t, "samples.csv")} {
		if len(all) != 51 || strings.Join(all[0], " ") != "kind weight legs heading" {
			t.Fatalf("%s has %d lines, the first is %v", path, len(all), all[0])
		}
		kinds := map[string]int{}
		for _, row := range all[1:] {
			kinds[row[0]]++
			if legs, err := strconv.Atoi(row[2]); err != nil || legs < -50 || legs > 50 {
				t.Errorf("%s has %q legs", path, row[2])
			}
		}
		if dogs := kinds["dog"]; path == "dogs.csv" && dogs != 50 || path == "samples.csv" && (dogs == 0 || dogs == 50) {
			t.Errorf("%s has %v", path, kinds)
		}
	}
	// What was sampled can be scored, and a second sampling gives the same rows.
	succeeds(t, "density", "--run", run, "--data", "dogs.csv", "--out", "dogs.tsv")
	first, _ := os.ReadFile("dogs.csv")
	succeeds(t, "sample", "--run", run, "-n", "50", "--given", "kind=dog", "--out", "again.csv")
	if again, _ := os.ReadFile("again.csv"); string(again) != string(first) {
		t.Error("the same seed gives other rows")
	}
	var measured struct {
		Rows                int
		Mean_Log_Likelihood float64
		Standard_Error      float64
		Calibration         []struct {
			Column    string
			Histogram []float64
		}
	}
	if err := json.Unmarshal([]byte(succeeds(t, "eval", "--run", run, "--plot", "coverage.png", "--pairs", "pairs.png")), &measured); err != nil {
		t.Fatal(err)
	}
	if measured.Rows != 29 || measured.Standard_Error <= 0 || len(measured.Calibration) != 3 || measured.Calibration[0].Column != "weight" {
		t.Errorf("%+v", measured)
	}
	readImage(t, "coverage.png")
	readImage(t, "pairs.png")
	if _, size := readImage(t, filepath.Join(run, "samples", "density-step-000030.png")); size.X != 630 {
		t.Errorf("three columns are drawn as %v", size)
	}
	succeeds(t, "verify", run)
	if printed := succeeds(t, "train", "density", "--out", run, "--resume", "--steps", "40"); !strings.Contains(printed, "40 steps") {
		t.Errorf("resumed: %s", printed)
	}
	fails(t, 2, []string{"--target", "--resume"}, "train", "density", "--out", run, "--resume", "--target", "legs")

	for _, test := range []struct {
		code        int
		args, words string
	}{
		{2, "sample --run " + run + " --given kind=cow", `kind="cow" cat, dog`},
		{2, "sample --run " + run + " --given colour=red", `"colour" kind`},
		{2, "sample --run " + run + " --class dog", "--class pictures"},
		{2, "sample --run " + run + " -n 0", "-n 1"},
		{2, "sample --run " + run + " --out x.png", "x.png .csv"},
		{2, "eval --run " + run + " --beside y", "--beside pictures"},
		{2, "density --run " + run, "--data"},
		{2, "density --data " + data, "--run"},
		{2, "density --run " + run + " --data x --no-rank --training y", "--training --no-rank"},
		{2, "density --run " + run + " --data x --json --out y", "--json --out"},
		{1, "density --run " + run + " --data nowhere.csv", "nowhere.csv"},
		{1, "generate --run " + run + " cat", "table density sample"},
		{1, "reconstruct --run " + run, "table density sample"},
		{1, "interpolate --run " + run, "table density sample"},
		{1, "train flow --run " + run, "density another"},
		{1, "train autoencoder --data birds:1:20 --out " + run, "density another"},
		{1, "train density --data " + data + " --out " + run, "density --resume"},
		{1, "density --run " + run + " --data " + data + " --training nowhere.csv", "nowhere.csv"},
		{1, "density --run " + filepath.Dir(data) + " --data " + data, "run folder"},
	} {
		fails(t, test.code, strings.Fields(test.words), strings.Fields(test.args)...)
	}
	for _, test := range []struct{ text, words string }{
		{"kind,weight,legs,heading\ncow,5.5,4,20.5\n", `line 2 "kind" "cow" cat, dog`},
		{"kind,weight,legs,heading\ncat,5.5,4,720.5\n", `line 2 "heading" 720.5 angle`},
		{"kind,weight,legs,heading\ncat,5.5,4.5,20.5\n", `line 2 "legs" 4.5 whole`},
		{"kind,weight,legs,heading\ncat,heavy,4,20.5\n", `row 1 "weight" "heavy" number`},
		{"kind,weight,legs\ncat,4.5,4\n", `"heading" kind, weight, legs`},
		{"kind,weight,legs,heading,rank\ncat,4.5,4,20.5,1\n", `"rank" rename`},
	} {
		if err := os.WriteFile("other.csv", []byte(test.text), 0o666); err != nil {
			t.Fatal(err)
		}
		code := 1
		if strings.Contains(test.text, "rank") || !strings.Contains(test.text, "heading") {
			code = 2
		}
		fails(t, code, append(strings.Fields(test.words), "other.csv"), "density", "--run", run, "--data", "other.csv", "--out", "never.csv")
	}
	if _, err := os.Stat("never.csv"); err == nil {
		t.Error("a failed command wrote a table")
	}
}

// sameNumber reports whether a number is that of a text with eight digits.
func sameNumber(v float64, text string) bool {
	written, err := strconv.ParseFloat(text, 64)
	return err == nil && math.Abs(v-written) <= 1e-7*math.Abs(v)
}

// TestTrainDensityRefuses checks the errors about tables that can't be trained on: one sentence with file, place and remedy.
func TestTrainDensityRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	wide := strings.Repeat("1,", 99_999) + "1\n"
	for _, test := range []struct {
		text, flags, words string
		code               int
	}{
		{"a,b\n1,2\n3,4\n5,6\nfive,7\n", "", `t.csv line 5 column 1 "five" correct`, 1},
		{"a,b\n1.5,2\n1.5,4\n1.5,6\n", "", `t.csv "a" 1.5 leave`, 1},
		{"a,a\n1,2\n3,4\n", "", `t.csv columns 1 and 2 "a" name`, 1},
		{"a,b\n1.5,2\n", "", "t.csv single row add", 1},
		{"a,b\n1.5,inf\n2,3\n", "", `t.csv line 2 "b" finite correct`, 1},
		{"a,b\nnan,1\n2,nan\n", "", "t.csv missing fill", 1},
		{"a,b\n1,2\n3\n", "", "t.csv line 3 cells correct", 1},
		{wide + wide, "", "t.csv 100000 columns choose", 1},
		{"a,b\n1,2\n3,4\n5,1\n", "--target c", `"c" t.csv a, b`, 2},
		{"a,b\n1,2\n3,4\n5,1\n", "--target a --condition c", `"c" t.csv a, b`, 2},
		{"a,b\n1,2\n3,4\n5,1\n", "--target a --condition a", "target once", 2},
		{"a,b\n1,2\n3,4\n5,1\n", "--kind a=odd", `"odd" --kind one of`, 2},
		{"a,b\n1,2\n3,4\n5,1\n", "--kind c=angle", `"c" --kind t.csv a, b`, 2},
		{"a,b\n1,2\n3,4\n5,1\n", "--kind a=unit", `line 3 "a" 3 0 to 1`, 1},
		{"a,theta\n1,2\n3,4\n5,1000\n", "--kind theta=angle", `line 4 "theta" 1000 angle`, 1},
		{"a,b\nx,2\ny,4\nz,1\n", "--target a", `--target a text`, 2},
		{"a\n2.5\n4\n1\n", "--architecture realnvp", `--architecture realnvp one`, 2},
		{"a,b\n2.5,1\n4,2\n1,1\n", "--architecture x", `--architecture x one of`, 2},
		{"a,b\n2.5,1\n4,2\n1,1\n", "--hidden 0", `hidden`, 2},
		{"a,b\n2.5,1\n4,2\n1,1\n", "--noise -1", `--noise -1 0`, 2},
		{"a,b\n2.5,1\n4,2\n1,1\n", "--condition-noise nan", `--condition-noise 0`, 2},
		{"a,b\n2.5,1\n4,2\n1,1\n", "--hold-out 1", `--hold-out less`, 2},
		{"a,b\n2.5,1\n4,2\n1,3\n2,2\n", "--batch 64", `--batch 64 3 rows`, 2},
		{"", "", "t.csv rows", 1},
	} {
		if err := os.WriteFile("t.csv", []byte(test.text), 0o666); err != nil {
			t.Fatal(err)
		}
		fails(t, test.code, strings.Fields(test.words), append([]string{"train", "density", "--data", "t.csv", "--out", "run", "--steps", "2", "--threads", "1"}, strings.Fields(test.flags)...)...)
	}
	fails(t, 2, []string{"--data"}, "train", "density", "--out", "run")
	fails(t, 2, []string{"--out", "runs/table"}, "train", "density", "--data", "t.csv")
	fails(t, 1, []string{"--data nowhere", "folder"}, "bench", "tables", "--data", "nowhere")
	fails(t, 1, []string{"nowhere.csv"}, "train", "density", "--data", "nowhere.csv", "--out", "run")
	if _, err := os.Stat("run"); err == nil {
		t.Error("wrong usage left a run folder")
	}
}
