package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
)

func TestHostileHeaders(t *testing.T) {
	huge := binary.LittleEndian.AppendUint64(nil, math.MaxUint64)
	cases := []struct {
		name, want string
		file       []byte
	}{
		{"empty", "cut off", nil},
		{"huge header", "claims a header", append(huge, "{}"...)},
		{"not JSON", "not a JSON object", raw("hello")},
		{"an array", "not a JSON object", raw("[]")},
		{"cut JSON", "not valid JSON", raw(`{"__metadata__":{}`)},
		{"not UTF-8", "not UTF-8", raw("{\"\xff\":1}")},
		{"second object", "goes on", raw(`{}{}`)},
		{"tensor is no object", "entry for tensor", raw(`{"x":1}`)},
		{"no dtype", "not supported", raw(`{"x":{"shape":[],"data_offsets":[0,0]}}`)},
		{"unknown dtype", `"F8_E4M3"`, raw(`{"x":{"dtype":"F8_E4M3","shape":[],"data_offsets":[0,1]}}`, 0)},
		{"no shape", "lacks a shape", raw(`{"x":{"dtype":"U8","data_offsets":[0,1]}}`, 0)},
		{"one offset", "data_offsets", raw(`{"x":{"dtype":"U8","shape":[],"data_offsets":[0]}}`)},
		{"three offsets", "data_offsets", raw(`{"x":{"dtype":"U8","shape":[],"data_offsets":[0,1,2]}}`, 0)},
		{"negative offset", "offsets -1", raw(`{"x":{"dtype":"U8","shape":[],"data_offsets":[-1,0]}}`)},
		{"reversed offsets", "offsets 1 to 0", raw(`{"x":{"dtype":"U8","shape":[],"data_offsets":[1,0]}}`, 0)},
		{"negative size", "of shape", raw(`{"x":{"dtype":"U8","shape":[-1,-1],"data_offsets":[0,1]}}`, 0)},
		{"overflowing shape", "of shape", raw(`{"x":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}`)},
		{"overflowing size", "of shape", raw(`{"x":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}`)},
		{"size past int64", "entry for tensor", raw(`{"x":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,0]}}`)},
		{"wrong size", "of shape", raw(`{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 0, 0, 0, 0)},
		{"data cut", "cut off", raw(`{"x":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4000000000]}}`, 0)},
		{"hole", "gap or an overlap", raw(`{"x":{"dtype":"U8","shape":[],"data_offsets":[1,2]}}`, 0, 0)},
		{"overlap", "gap or an overlap", raw(`{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"y":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 0, 0, 0)},
		{"named twice", "twice", raw(`{"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`)},
		{"bad bool", "not a truth value", raw(`{"x":{"dtype":"BOOL","shape":[],"data_offsets":[0,1]}}`, 2)},
		{"metadata is no text", "not strings", raw(`{"__metadata__":{"a":1}}`)},
		{"newer", "update bestiary", raw(`{"__metadata__":{"bestiary.format_version":"2"}}`)},
		{"odd version", "format version", raw(`{"__metadata__":{"bestiary.format_version":"new"}}`)},
		{"no checksum", "checksum is missing", raw(`{"__metadata__":{"bestiary.format_version":"1"}}`)},
		{"short checksum", "checksum is damaged", raw(`{"__metadata__":{"bestiary.sha256":"12"}}`)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := decodeBytes(c.file)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "x: ") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestEveryFlippedBitIsRefused covers the length, the header and the data.
func TestEveryFlippedBitIsRefused(t *testing.T) {
	whole := encoded(t, examples(), map[string]string{"k": "v"})
	for i := range whole {
		for bit := range 8 {
			whole[i] ^= 1 << bit
			if _, err := decodeBytes(whole); err == nil {
				t.Errorf("bit %d of byte %d (%q) was not missed", bit, i, whole[i])
			}
			whole[i] ^= 1 << bit
		}
	}
	whole[len(whole)-1] ^= 1 // a.mask: still a truth value
	_, err := Decode("runs/x/autoencoder.safetensors", bytes.NewReader(whole), int64(len(whole)))
	if err == nil || !strings.HasPrefix(err.Error(), "runs/x/autoencoder.safetensors: ") ||
		!strings.Contains(err.Error(), "the checksum does not match") || !strings.Contains(err.Error(), "; restore it from a backup") {
		t.Errorf("got %v", err)
	}
}

// TestOtherTypes refuses element types that are not read. Such a file is not damaged; the error says how to save it.
func TestOtherTypes(t *testing.T) {
	for _, dtype := range []string{"F8_E4M3", "I16", "U64", "C64"} {
		header := `{"w":{"dtype":"` + dtype + `","shape":[1],"data_offsets":[0,8]}}`
		content := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header+"12345678"...)
		_, err := Decode("x.safetensors", bytes.NewReader(content), int64(len(content)))
		var damaged *fault.DamagedFile
		if err == nil || errors.As(err, &damaged) || !strings.Contains(err.Error(), dtype) || !strings.Contains(err.Error(), "float32") {
			t.Errorf("%s: error %v, want one that says how to save the weights", dtype, err)
		}
	}
}
