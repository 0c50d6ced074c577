package torchfile

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// storageID is the persistent id of a storage of float32.
func storageID(key string, n int) string {
	return "(X\x07\x00\x00\x00storagectorch\nFloatStorage\n" + text(key) + text("cpu") + "J" + le32(n) + "tQ"
}

func text(s string) string { return "X" + le32(len(s)) + s }

func le32(n int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }

// rebuild is the call that makes a tensor, with the opcodes of what stands between the storage and the flags.
func rebuild(id, view string) string {
	return "ctorch._utils\n_rebuild_tensor_v2\n(" + id + view + "\x89ccollections\nOrderedDict\n)RtR"
}

// packed is an archive of a pickle and a storage "0" of four float32.
func packed(t testing.TB, code string) []byte {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, r := range [][2]string{{"a/data.pkl", code}, {"a/data/0", strings.Repeat("\x00\x00\x80\x3f", 4)}, {"a/version", "3\n"}} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: r[0], Method: zip.Store})
		if err == nil {
			_, err = io.WriteString(w, r[1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// openBytes is Open without a file.
func openBytes(t testing.TB, content []byte) (root any, err error) {
	root, err = decode("x.pt", bytes.NewReader(content), int64(len(content)))
	if err != nil && (!strings.HasPrefix(err.Error(), "x.pt: ") || strings.ContainsAny(err.Error(), "\n\r\x1b")) {
		t.Errorf("no sentence that names the file: %q", err)
	}
	return root, err
}

// TestMalicious opens pickles that would make Python run something. The error names what they would run.
func TestMalicious(t *testing.T) {
	const command = "X\x04\x00\x00\x00true\x85"
	for name, c := range map[string]struct{ code, names string }{
		"GLOBAL":             {"\x80\x02cos\nsystem\n" + command + "R.", "os.system"},
		"GLOBAL never used":  {"\x80\x02cos\nsystem\n0K\x01.", "os.system"},
		"posix":              {"\x80\x02cposix\nsystem\n" + command + "R.", "posix.system"},
		"eval":               {"\x80\x02c__builtin__\neval\n" + command + "R.", "__builtin__.eval"},
		"STACK_GLOBAL":       {"\x80\x04\x8c\x02os\x8c\x06system\x93" + command + "R.", "os.system"},
		"dotted name":        {"\x80\x04\x8c\x05torch\x8c\x14_utils._rebuild_tens\x93.", "torch._utils._rebuild_tens"},
		"attribute":          {"\x80\x04" + "\x8c\x0bcollections\x8c\x1eOrderedDict.__init__.__globals\x93.", "OrderedDict.__init__"},
		"allowed but dotted": {"\x80\x04\x8c\x05torch\x8c\x19_utils._rebuild_parameter\x93.", "_rebuild_parameter"},
		"getattr":            {"\x80\x02cbuiltins\ngetattr\n.", "builtins.getattr"},
		"torch.load":         {"\x80\x02ctorch\nload\n" + command + "R.", "torch.load"},
		"module of storages": {"\x80\x02ctorch\nEvilStorage\n.", "torch.EvilStorage"},
		"INST":               {"(X\x04\x00\x00\x00trueios\nsystem\n.", "INST"},
		"OBJ":                {"(ccollections\nOrderedDict\no.", "OBJ"},
		"NEWOBJ":             {"\x80\x02ccollections\nOrderedDict\n)\x81.", "NEWOBJ"},
		"NEWOBJ_EX":          {"\x80\x04ccollections\nOrderedDict\n)}\x92.", "NEWOBJ_EX"},
		"EXT1":               {"\x80\x02\x82\x01.", "EXT1"},
		"PERSID":             {"\x80\x02Pevil\n.", "PERSID"},
		"BUILD on a name":    {"\x80\x02ccollections\nOrderedDict\n}b.", "BUILD on collections.OrderedDict"},
		"BUILD of a dict":    {"\x80\x02}}b.", "BUILD on a dictionary"},
		"BUILD of class":     {"\x80\x02ccollections\nOrderedDict\n)R}" + text("__class__") + "Nsb.", "__class__"},
		"call of a storage":  {"\x80\x02ctorch\nFloatStorage\n)R.", "torch.FloatStorage"},
		"a name for show":    {"\x80\x02cevil\x1b[2J\nname\n.", `evil\x1b[2J.name`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openBytes(t, packed(t, c.code))
			if err == nil || !strings.Contains(err.Error(), c.names) || !strings.Contains(err.Error(), "has not been run") {
				t.Errorf("error %v, want one that names %s", err, c.names)
			}
			// The older form has three pickles that Python would run before the tensors.
			for _, first := range []string{"", "\x80\x02}."} {
				_, err = openBytes(t, []byte(legacyMagic+first+c.code))
				if named := (*namedError)(nil); !errors.As(err, &named) && !strings.Contains(fmt.Sprint(err), c.names) {
					t.Errorf("older form: error %v, want one that names %s", err, c.names)
				}
			}
		})
	}
}

// TestDamaged opens pickles that make no sense.
func TestDamaged(t *testing.T) {
	const four = "K\x00K\x04\x85K\x01\x85" // offset 0, size (4,), stride (1,)
	deep := "\x80\x02" + strings.Repeat("]", 100) + strings.Repeat("a", 99) + "."
	itself := "\x80\x02]q\x00h\x00a."
	laughs := "\x80\x02]q\x00" // each list holds the one before twice
	for i := range 40 {
		laughs += fmt.Sprintf("]q%c(h%ch%ce", i+1, i, i)
	}
	for name, c := range map[string]struct{ code, want string }{
		"empty":                 {"", "cut off"},
		"no end":                {"\x80\x02K\x01", "cut off"},
		"nothing":               {"\x80\x02.", "empty stack"},
		"no mark":               {"\x80\x02t.", "empty stack"},
		"a mark for a value":    {"\x80\x02(.", "empty stack"},
		"protocol":              {"\x80\x09N.", "protocol 9"},
		"opcode":                {"\x80\x02\xff.", "opcode 0xff"},
		"bytes":                 {"\x80\x03C\x01aK\x01.", "opcode 0x43"},
		"string beyond the end": {"\x80\x02X\xff\xff\xff\x7fabc.", "cut off"},
		"not UTF-8":             {"\x80\x02X\x01\x00\x00\x00\xff.", "UTF-8"},
		"memo":                  {"\x80\x02h\x05.", "item 5"},
		"odd items":             {"\x80\x02}(K\x01u.", "without a value"},
		"list as a key":         {"\x80\x02}]K\x01s.", "a list as a key"},
		"append to a dict":      {"\x80\x02}K\x01a.", "adds items to a dictionary"},
		"call of a string":      {"\x80\x02" + text("a") + ")R.", "calls a string"},
		"long integer":          {"\x80\x02\x8a\x09123456789.", "integer of 9 bytes"},
		"bare name":             {"\x80\x02ctorch\nSize\n.", "holds torch.Size by itself"},
		"bare storage":          {"\x80\x02" + storageID("0", 4) + ".", "storage by itself"},
		"other persistent id":   {"\x80\x02" + text("module") + "\x85Q.", "persistent id"},
		"persistent string":     {"\x80\x02" + text("storage") + "Q.", "persistent id"},
		"id of a string type":   {"\x80\x02(" + text("storage") + text("f") + text("0") + text("cpu") + "K\x04tQ.", "cannot be"},
		"no such record":        {"\x80\x02" + rebuild(storageID("7", 4), four) + ".", "lacks the record"},
		"record outside":        {"\x80\x02" + rebuild(storageID("../data.pkl", 4), four) + ".", "lacks the record"},
		"storage too small":     {"\x80\x02" + rebuild(storageID("0", 8), four) + ".", "16 bytes where 32"},
		"storage too large":     {"\x80\x02" + rebuild(storageID("0", 2), four) + ".", "16 bytes where 8"},
		"negative storage":      {"\x80\x02" + rebuild(storageID("0", -4), four) + ".", "cannot be"},
		"view too long":         {"\x80\x02" + rebuild(storageID("0", 4), "K\x00K\x05\x85K\x01\x85") + ".", "beyond its storage"},
		"view too far":          {"\x80\x02" + rebuild(storageID("0", 4), "K\x01K\x04\x85K\x01\x85") + ".", "beyond its storage"},
		"stride too long":       {"\x80\x02" + rebuild(storageID("0", 4), "K\x00K\x04\x85J\xff\xff\xff\x7f\x85") + ".", "beyond its storage"},
		"offset too far":        {"\x80\x02" + rebuild(storageID("0", 4), "K\x05)\x29") + ".", "beyond its storage"},
		"scalar too far":        {"\x80\x02" + rebuild(storageID("0", 4), "K\x04)\x29") + ".", "beyond its storage"},
		"negative offset":       {"\x80\x02" + rebuild(storageID("0", 4), "J\xff\xff\xff\xffK\x04\x85K\x01\x85") + ".", "beyond its storage"},
		"negative stride":       {"\x80\x02" + rebuild(storageID("0", 4), "K\x03K\x04\x85J\xff\xff\xff\xff\x85") + ".", "other arguments"},
		"sizes and strides":     {"\x80\x02" + rebuild(storageID("0", 4), "K\x00K\x04\x85)") + ".", "other arguments"},
		"repeated for ever":     {"\x80\x02" + rebuild(storageID("0", 4), "K\x00J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86K\x00K\x00\x86") + ".", "larger than the file"},
		"tensor of a number":    {"\x80\x02" + rebuild("K\x01", four) + ".", "other arguments"},
		"deep":                  {deep, "nested too deeply"},
		"a list in itself":      {itself, "nested too deeply"},
		"a billion laughs":      {laughs + ".", "nested too deeply or is too large"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := openBytes(t, packed(t, c.code)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	if f, err := openBytes(t, packed(t, "\x80\x02"+rebuild(storageID("0", 4), four)+".")); err != nil {
		t.Error("what the others are varied from:", err)
	} else if v, err := f.(*Tensor).Load(); err != nil || !slices.Equal(v.F32, []float32{1, 1, 1, 1}) {
		t.Error(v, err)
	}
}

// TestCutOff cuts files off at many places, and flips their bytes.
func TestCutOff(t *testing.T) {
	for _, form := range []string{"values.pt", "values-legacy.pt"} {
		whole, err := os.ReadFile("testdata/" + form)
		if err != nil {
			t.Fatal(err)
		}
		for n := range whole {
			if f, err := openBytes(t, whole[:n]); err == nil {
				t.Fatalf("%s: the first %d of %d bytes are taken for all: %v", form, n, len(whole), f)
			}
		}
		for n := range whole {
			damaged := slices.Clone(whole)
			damaged[n] ^= 0x11
			f, err := openBytes(t, damaged)
			if err != nil {
				continue
			}
			loadAll(f) // must not panic; that the older form has no checksums is known
		}
	}
}

func loadAll(v any) {
	switch v := v.(type) {
	case List:
		for _, item := range v {
			loadAll(item)
		}
	case Tuple:
		for _, item := range v {
			loadAll(item)
		}
	case *Dict:
		for _, value := range v.All() {
			loadAll(value)
		}
	case *Tensor:
		_, _ = v.Load()
	}
}
