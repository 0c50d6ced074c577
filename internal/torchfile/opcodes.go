package torchfile

// The opcodes of pickles (Python's Lib/pickletools.py describes each) that are understood.
const (
	opMark           = '('
	opStop           = '.'
	opPop            = '0'
	opPopMark        = '1'
	opDup            = '2'
	opBinInt         = 'J'
	opBinInt1        = 'K'
	opBinInt2        = 'M'
	opLong1          = 0x8a
	opNone           = 'N'
	opNewTrue        = 0x88
	opNewFalse       = 0x89
	opBinFloat       = 'G'
	opBinUnicode     = 'X'
	opShortUnicode   = 0x8c
	opShortBinString = 'U'
	opBinString      = 'T'
	opEmptyDict      = '}'
	opDict           = 'd'
	opSetItem        = 's'
	opSetItems       = 'u'
	opEmptyList      = ']'
	opList           = 'l'
	opAppend         = 'a'
	opAppends        = 'e'
	opEmptyTuple     = ')'
	opTuple          = 't'
	opTuple1         = 0x85
	opTuple2         = 0x86
	opTuple3         = 0x87
	opPut            = 'p'
	opBinPut         = 'q'
	opLongBinPut     = 'r'
	opMemoize        = 0x94
	opGet            = 'g'
	opBinGet         = 'h'
	opLongBinGet     = 'j'
	opProto          = 0x80
	opFrame          = 0x95
	opBinPersID      = 'Q'
	opGlobal         = 'c'
	opStackGlobal    = 0x93
	opReduce         = 'R'
	opBuild          = 'b'
	opNewObj         = 0x81
)

// The opcodes that only call or name Python objects, for messages.
var refused = map[byte]string{
	'i':  "INST",
	'o':  "OBJ",
	0x92: "NEWOBJ_EX",
	'P':  "PERSID",
	0x82: "EXT1",
	0x83: "EXT2",
	0x84: "EXT4",
}
