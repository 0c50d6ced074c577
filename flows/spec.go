package flows

import (
	"math"
	"slices"
	"strconv"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Spec declares a flow: its layers by name, in the order from data to latent rows, and its base distribution. It is what a run
// folder keeps of a flow. [New] builds the flow. [NSF], [MAF], [IAF] and [RealNVPSpec] return the usual ones.
type Spec struct {
	Columns   int         `json:"columns"`             // D
	Condition int         `json:"condition,omitempty"` // columns C of the condition, 0 for none
	Layers    []LayerSpec `json:"layers"`
	Base      BaseSpec    `json:"base"`
}

// LayerSpec declares a layer. Fields that the kind doesn't use must be zero.
type LayerSpec struct {
	// Kind is "coupling", "autoregressive", "inverse-autoregressive", "lu", "qr", "householder", "permutation" (drawn once),
	// "reverse", "batch-norm", "act-norm", "standardize", "bounded", "glow" or "continuous" (with Hidden).
	Kind string `json:"kind"`

	// Of couplings and autoregressive layers.
	Map     string  `json:"map,omitempty"`     // "affine", "softplus-affine", "spline" or "circular"
	Bins    int     `json:"bins,omitempty"`    // of splines; 0 is 8
	Bound   float64 `json:"bound,omitempty"`   // of splines; 0 is 5, and π for circular ones
	Clip    float64 `json:"clip,omitempty"`    // soft bound: Affine.Clip, 0 is 1; Spline.Clip, 0 is none
	Least   float64 `json:"least,omitempty"`   // of splines: MinSize and MinSlope, 0 is 0.01; of softplus-affine: Least, 0 is 0.001
	Hidden  []int   `json:"hidden,omitempty"`  // widths of the network's hidden layers
	Mask    Mask    `json:"mask,omitempty"`    // of couplings; "" is Half
	Flipped bool    `json:"flipped,omitempty"` // the other columns pass, or the last column comes first

	Reflections int         `json:"reflections,omitempty"` // of "householder" and "qr"; 0 is as many as columns
	Intervals   [][2]Number `json:"intervals,omitempty"`   // of "bounded": lower and upper bound of each column
	Glow        *GlowConfig `json:"glow,omitempty"`        // of "glow"
}

// Number is a float64 that JSON can hold when it is infinite: null.
type Number float64

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) {
	if math.IsInf(float64(n), 0) || math.IsNaN(float64(n)) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(n), 'g', -1, 64), nil
}

// UnmarshalJSON implements json.Unmarshaler. null is NaN: which infinity is meant follows from the place.
func (n *Number) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	v, err := strconv.ParseFloat(string(text), 64)
	*n = Number(v)
	return err
}

// interval returns the bounds, with infinities where there are none.
func interval(in [2]Number) Interval {
	i := Interval{float64(in[0]), float64(in[1])}
	if math.IsNaN(i.Low) {
		i.Low = math.Inf(-1)
	}
	if math.IsNaN(i.High) {
		i.High = math.Inf(1)
	}
	return i
}

// BaseSpec declares a base distribution.
type BaseSpec struct {
	Kind  string  `json:"kind"`            // "normal", "diagonal", "mixture" or "box"
	Parts int     `json:"parts,omitempty"` // of "mixture"
	Low   float64 `json:"low,omitempty"`   // of "box"
	High  float64 `json:"high,omitempty"`
}

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (s Spec) Validate() error {
	switch {
	case s.Columns < 1 || s.Columns > maxSize:
		return fault.Field("Columns", s.Columns, "must be 1 to %d", maxSize)
	case s.Condition < 0 || s.Condition > maxSize:
		return fault.Field("Condition", s.Condition, "must be 0 (none) to %d", maxSize)
	case len(s.Layers) == 0 || len(s.Layers) > maxSize:
		return fault.Field("Layers", len(s.Layers), "must be 1 to %d layers", maxSize)
	}
	parameters := 0.0
	for i, l := range s.Layers {
		if err := l.validate(s); err != nil {
			return fault.Field("Layers", l.Kind, "layer %d: %s", i, err.Error())
		}
		parameters += l.parameters(s)
	}
	if parameters > maxParameters {
		return fault.Field("Layers", len(s.Layers), "have %d million parameters, and %d million are possible; use fewer layers or smaller Hidden",
			int(parameters/1e6), maxParameters/1_000_000)
	}
	return s.Base.validate()
}

func (b BaseSpec) validate() error {
	known := []string{"normal", "diagonal", "mixture", "box"}
	switch {
	case !slices.Contains(known, b.Kind):
		return fault.Field("Base", strconv.Quote(b.Kind), "must be one of %q", known)
	case b.Kind == "mixture" && (b.Parts < 1 || b.Parts > maxSize):
		return fault.Field("Parts", b.Parts, "must be 1 to %d", maxSize)
	case b.Kind == "box" && !(b.Low < b.High) || math.IsInf(b.High-b.Low, 0):
		return fault.Field("Low", b.Low, "must be below High, and both must be finite")
	}
	return nil
}

// New builds the flow that s declares, in training mode; parameters and permutations are drawn from g. Its layers are named 0, 1,
// 2 … The error is a [*fault.FieldError].
func New(d *tensor.Device, s Spec, g *tensor.Generator) (f *Flow, err error) {
	defer fault.Catch(&err)
	switch {
	case d == nil:
		return nil, fault.Field("Device", nil, "must be given")
	case g == nil:
		return nil, fault.Field("Generator", nil, "must be given")
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	f = NewFlow(d, s.Columns, s.Condition)
	for i, l := range s.Layers {
		b, err := l.build(d, s, g)
		if err != nil {
			return nil, err
		}
		f.Add(strconv.Itoa(i), b)
	}
	f.Base = s.Base.build(d, s, g)
	return f, nil
}

func (b BaseSpec) build(d *tensor.Device, s Spec, g *tensor.Generator) Base {
	switch b.Kind {
	case "diagonal":
		return NewDiagonal(d, s.Columns, s.Condition)
	case "mixture":
		return NewMixture(d, s.Columns, b.Parts, g)
	case "box":
		return Box{Dim: s.Columns, Low: b.Low, High: b.High}
	}
	return Normal{Dim: s.Columns}
}
