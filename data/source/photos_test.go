package source

import (
	"os"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/data"
)

func TestOfficialPhotos(t *testing.T) {
	root := os.Getenv("BESTIARY_PETS")
	if root == "" {
		t.Skip("BESTIARY_PETS does not name a folder of the Oxford pets")
	}
	start := time.Now()
	cache := t.TempDir()
	for range 2 {
		d, err := Open(root, data.Options{Cache: cache, Labels: data.Breed})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%v\n%v", time.Since(start), d.Report)
		start = time.Now()
	}
}
