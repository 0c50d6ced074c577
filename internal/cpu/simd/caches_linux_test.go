package simd

import (
	"testing"
	"testing/fstest"
)

func TestReadCaches(t *testing.T) {
	folder := fstest.MapFS{}
	for name, text := range map[string]string{
		"index0/level": "1\n", "index0/type": "Data\n", "index0/size": "64K\n",
		"index1/level": "1\n", "index1/type": "Instruction\n", "index1/size": "32K\n",
		"index2/level": "2\n", "index2/type": "Unified\n", "index2/size": "1M\n",
		"index3/level": "3\n", "index3/type": "Unified\n", // virtual machines may lack sizes
	} {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	if got, want := readCaches(folder), (Caches{64 << 10, 1 << 20, 0}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := readCaches(fstest.MapFS{}); got != (Caches{}) {
		t.Errorf("%+v without a folder", got)
	}
}
