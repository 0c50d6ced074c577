package mask

import (
	"bytes"
	"encoding/gob"
	"testing"
)

func TestGob(t *testing.T) {
	want, err := FromPixels([]uint8{0, 1, 1, 0, 0, 1}, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	var message bytes.Buffer
	if err := gob.NewEncoder(&message).Encode(want); err != nil {
		t.Fatal(err)
	}
	var got RLE
	if err := gob.NewDecoder(&message).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.String() != want.String() || got.Area() != 3 {
		t.Errorf("%v, want %v", got, want)
	}
}
