package main

import (
	"os"
	"strings"
	"testing"
)

func TestWrongUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, test := range []struct {
		args  string
		words string
	}{
		{"nonsense", `"nonsense" --help`},
		{"smaple", "did you mean sample?"},
		{"train autoencodre", "did you mean autoencoder?"},
		{"sample cats", `"cats" --help`},
		{"sample --nonsense", "--nonsense --help"},
		{"sample", "--run"},
		{"sample --run x -n 0", "-n 1 10000"},
		{"sample --run x --temperature nan", "--temperature greedy"},
		{"sample --run x --temperature -1", "--temperature greedy"},
		{"sample --run x --candidates 3", "--candidates -n 16"},
		{"sample --run x --columns -1", "--columns"},
		{"sample --run x --scale -1", "--scale"},
		{"sample --run x --out x.jpg", "--out x.jpg .png"},
		{"interpolate --run x --out x.jpg", "--out x.jpg .png .gif"},
		{"interpolate --run x --frames 1", "--frames 2"},
		{"reconstruct --run x --n 0", "-n 1"},
		{"eval", "--run"},
		{"eval --run x --copies x.jpg", "--copies x.jpg .png"},
		{"compare", "runs/a runs/b"},
		{"compare x --out x.jpg", "--out x.jpg .png"},
		{"compare x -n 0", "-n 1"},
		{"train classifier --out x", "--data"},
		{"train classifier --data x", "--out"},
		{"train classifier --data x --out y --image-size 48", "--image-size 48"},
		{"train classifier --data x --out y --widths 0", "--widths"},
		{"train classifier --data x --out y --smoothing 1", "--smoothing"},
		{"train classifier --data x --out y --part 5/4", "--part 5/4 2-4/4"},
		{"train classifier --data x --out y --labels words:red,red", "different names"},
		{"sample --run x --temperature 1e9", "--temperature 1e6"},
		{"doctor --device tpu", `"tpu" auto cpu`},
		{"doctor --kernels sse", `"sse" avx2`},
		{"doctor --threads -1", "--threads"},
		{"doctor --precision low", `"low" highest medium`},
		{"train autoencoder --out x", "--data"},
		{"train autoencoder --data x", "--out"},
		{"train autoencoder --data x --out y --image-size 48", "--image-size 48 multiple of 32, 256"},
		{"train autoencoder --data x --out y --channels 3,4", "--channels 6"},
		{"train autoencoder --data x --out y --channels 4,4,4,4,4,4", "--channels begin with 3"},
		{"train autoencoder --data x --out y --hidden 100000000", "--hidden 65536"},
		{"train autoencoder --data x --out y --embedding 1", "--embedding 2"},
		{"train autoencoder --data x --out y --dropout nan", "--dropout"},
		{"train autoencoder --data x --out y --steps 0", "--steps --epochs"},
		{"train autoencoder --data x --out y --steps 5 --epochs 5", "--steps --epochs"},
		{"train autoencoder --data x --out y --lr nan", "--lr above"},
		{"train autoencoder --data x --out y --hold-out 1", "--hold-out less than 1"},
		{"train autoencoder --data x --out y --zoom 2", "--zoom 2 0 to 1"},
		{"train autoencoder --data x --out y --split some", "--split some trainval"},
		{"train autoencoder --data x --out y --labels none", "--labels none breed"},
		{"train autoencoder --data x --out y --resize fold", "--resize fold crop"},
		{"train autoencoder --out y --resume --embedding 7", "there is no such run"},
		{"demo --device tpu --force", "tpu"},
		{"bench --only nonsense", `--only "nonsense" gemm/1024`},
		{"bench --vs jax", `--vs "jax" torch`},
		{"bench --time -1s", "--time -1s positive"},
		{"bench --vs spago --python python3", "--python spago"},
		{"bench tables --only nonsense", "--only nonsense toy/8gaussians"},
		{"bench tables --architectures odd", "--architectures odd nsf"},
		{"bench scaling --gpu odd", "--gpu odd h100"},
		{"bench scaling --link odd", "--link odd ndr400"},
		{"bench scaling --gpus 8,12", "--gpus 12 multiple"},
		{"bench scaling --share 0", "--share above"},
		{"eval --run x --plot x.jpg", "--plot x.jpg .png"},
		{"sample --run x --given kind=cat", "--given --class"},
		{"bench --steady --rounds 3", "--rounds leave them out"},
		{"bench --profile x.pprof", "one workload --only"},
		{"bench --profile x.pprof --only gemm --vs torch", "--vs leave one"},
	} {
		code := 2
		if strings.Contains(test.args, "--resume") { // the run is missing, which is no wrong usage
			code = 1
		}
		fails(t, code, strings.Split(test.words, " "), strings.Fields(test.args)...)
	}
	if left, _ := os.ReadDir("."); len(left) > 0 {
		t.Errorf("wrong usage left %v behind", left)
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{}, {"--help"}, {"train"}, {"sample", "--help"}, {"completion", "bash"}, {"version"}, {"--version"}, {"doctor"}} {
		if _, stderr, _ := bestiary(t, args...); stderr != "" {
			t.Errorf("bestiary %v: stderr %q", args, stderr)
		}
		if printed := succeeds(t, args...); !strings.Contains(printed, "bestiary") {
			t.Errorf("bestiary %v: printed %q", args, printed)
		}
	}
}
