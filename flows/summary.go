package flows

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/bestiary-ml/bestiary/nn"
)

// String returns a table of the layers, one per line: name, bijection and number of trainable parameters.
func (s *Sequential) String() string { return "Sequential" + s.table() }

// String returns a summary: shapes of rows and condition, then a table of the layers.
func (f *Flow) String() string { return "Flow" + f.summary() }

// String returns a summary: shapes of rows and condition, then a table of the layers.
//
//	RealNVP of rows [N, 4] given a condition [N, 2]: 3 layers, 138 parameters
//	  flows.0  AffineCoupling(2 of 4 columns, s and t: 4 → 8 → 4)  76
//	  …
func (f *ClassFlow) String() string {
	names := map[string]string{RealNVPFlow: "RealNVP", SplineFlow: "NSF", MaskedFlow: "MAF", TransformerFlow: "TarFlow"}
	return names[f.Config.architecture()] + f.summary()
}

func (f *Flow) summary() string {
	given := ""
	if f.Condition > 0 {
		given = fmt.Sprintf(" given a condition [N, %d]", f.Condition)
	}
	return fmt.Sprintf(" of rows [N, %d]%s%s", f.Base.Columns(), given, f.table())
}

// table lists the layers, with a total before them.
func (s *Sequential) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, ": %d layers, %d parameters\n", len(s.layers), nn.Count(s))
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for i, layer := range s.layers {
		fmt.Fprintf(w, "  %s\t%s\t%d\n", s.names[i], describe(layer), nn.Count(layer))
	}
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// describe returns one line about a bijection: the first line of its String if it has that method, otherwise its type.
func describe(b Bijection) string {
	if s, ok := b.(fmt.Stringer); ok {
		line, _, _ := strings.Cut(s.String(), "\n")
		return strings.TrimSuffix(line, ":")
	}
	name := fmt.Sprintf("%T", b)
	return name[strings.LastIndexByte(name, '.')+1:]
}

// String describes the coupling in a line.
func (c *AffineCoupling) String() string {
	networks := "s and t: " + widths(c.S)
	if c.T != nil {
		networks = fmt.Sprintf("s: %s, t: %s", widths(c.S), widths(c.T))
	}
	return fmt.Sprintf("AffineCoupling(%d of %d columns, %s)", c.columns.active, c.columns.dim(), networks)
}

// widths describes a network of linear layers: "4 → 8 → 4".
func widths(network *nn.Sequential) string {
	var b strings.Builder
	for i, layer := range network.Layers() {
		l, ok := layer.(*nn.Linear)
		if !ok {
			continue
		}
		if i == 0 {
			fmt.Fprint(&b, l.Weight.Dim(0))
		}
		fmt.Fprint(&b, " → ", l.Weight.Dim(1))
	}
	return b.String()
}

// String describes the permutation in a line.
func (p *Permutation) String() string { return fmt.Sprintf("Permutation(%d)", p.P.Len()) }

// String describes the normalization in a line.
func (b *BatchNorm) String() string {
	return fmt.Sprintf("BatchNorm(%d, eps %g, momentum %g)", b.Beta.Len(), b.Eps, b.Momentum)
}

// String describes the normalization in a line.
func (a *ActNorm) String() string { return fmt.Sprintf("ActNorm(%d)", a.Bias.Len()) }

// String describes the standardization in a line.
func (s *Standardize) String() string { return fmt.Sprintf("Standardize(%d)", s.Mean.Len()) }
