package neon

import (
	"regexp"
	"strings"
	"testing"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// translated builds a function func(x *float32, n int) and returns its translation, without the encodings.
func translated(t *testing.T, body func(c *build.Context)) (string, error) {
	t.Helper()
	c := build.NewContext()
	c.Function("f")
	c.SignatureExpr("func(x *float32, n int)")
	body(c)
	c.RET()
	file, err := c.Result()
	if err != nil {
		t.Fatal(err)
	}
	if err := Compile.Execute(file); err != nil {
		t.Fatal(err)
	}
	text, err := NewPrinter("test").Print(file)
	_, code, _ := strings.Cut(string(text), "$0-16\n")
	return strings.TrimSpace(regexp.MustCompile(`(?m)^\s*(WORD \S+ // )?`).ReplaceAllString(code, "")), err
}

func TestTranslation(t *testing.T) {
	got, err := translated(t, func(c *build.Context) {
		x, n, i := c.Load(c.Param("x"), c.GP64()), c.Load(c.Param("n"), c.GP64()), c.GP64()
		sum, v := c.XMM(), c.XMM()
		c.XORQ(i, i)
		c.VXORPS(sum, sum, sum)
		c.Label("again")
		from := operand.Mem{Base: x, Index: i, Scale: 4}
		c.VMOVUPS(from, v)
		c.VADDPS(from.Offset(16), v, v) // the address is known
		c.VFNMADD231PS(v, v, sum)
		c.ADDQ(operand.Imm(8), i)
		c.VMOVUPS(sum, from) // it isn't: i has changed
		c.CMPQ(i, n)
		c.JLT(operand.LabelRef("again"))
	})
	want := `MOVD x+0(FP), R0
MOVD n+8(FP), R1
MOVD ZR, R2
movi v0.2d, #0
again:
ADD R2<<2, R0, R21
ldr q1, [x21, #0]
ldr q31, [x21, #16]
fadd v1.4s, v1.4s, v31.4s
fmls v0.4s, v1.4s, v1.4s
ADD $8, R2
ADD R2<<2, R0, R22
str q0, [x22, #0]
CMP R1, R2
BLT again
RET`
	if err != nil || got != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

// TestBlend has all the places in which the result of a choice may lie.
func TestBlend(t *testing.T) {
	for to, want := range map[int]string{
		1: "bsl v1.16b, v2.16b, v3.16b", 2: "bif v2.16b, v3.16b, v1.16b", 3: "bit v3.16b, v2.16b, v1.16b",
		4: "mov v4.16b, v1.16b\nbsl v4.16b, v2.16b, v3.16b",
	} {
		got, err := translated(t, func(c *build.Context) {
			x := func(i int) reg.Register { return reg.Vector.Lookup(reg.Index(i), reg.S128) }
			c.VBLENDVPS(x(1), x(2), x(3), x(to))
		})
		if err != nil || got != want+"\nRET" {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}

func TestNoTranslation(t *testing.T) {
	for want, body := range map[string]func(c *build.Context){
		"VPERMILPS has no translation": func(c *build.Context) { c.VPERMILPS(operand.Imm(0), reg.X0, reg.X1) },
		"VHADDPS has no translation":   func(c *build.Context) { c.VHADDPS(reg.X0, reg.X1, reg.X2) },
		"the vectors do not suffice":   func(c *build.Context) { c.VSQRTPS(reg.X0, reg.X30) },
	} {
		if _, err := translated(t, body); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
