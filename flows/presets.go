package flows

import "math"

// The usual architectures, for standardized rows of any number of columns. Every one begins with [Standardize], see
// [Flow.Fit].

// RealNVPSpec alternates affine couplings and random permutations, with act norm between them (Dinh et al., 2017). [NewRealNVP]
// builds the form of the pets.
func RealNVPSpec(columns, condition int) Spec {
	return repeat(columns, condition, 8, func(i int) []LayerSpec {
		return []LayerSpec{
			{Kind: "coupling", Map: "affine", Hidden: []int{128, 128}, Flipped: i%2 == 1},
			{Kind: "permutation"}, {Kind: "act-norm"},
		}
	})
}

// NSF is a neural spline flow of couplings with linear maps between them (Durkan et al., 2019). One column has nothing to pass,
// so its map is autoregressive.
func NSF(columns, condition int) Spec {
	kind := "coupling"
	if columns < 2 {
		kind = "autoregressive"
	}
	return repeat(columns, condition, 5, func(i int) []LayerSpec {
		return []LayerSpec{
			{Kind: "lu"},
			{Kind: kind, Map: "spline", Hidden: []int{128, 128}, Flipped: i%2 == 1},
		}
	})
}

// MAF is a masked autoregressive flow of affine maps in alternating order (Papamakarios et al., 2017).
func MAF(columns, condition int) Spec {
	return repeat(columns, condition, 5, func(i int) []LayerSpec {
		return []LayerSpec{{Kind: "autoregressive", Map: "affine", Hidden: []int{128, 128}, Flipped: i%2 == 1}, {Kind: "act-norm"}}
	})
}

// IAF is an inverse autoregressive flow (Kingma et al., 2016): it samples in one pass and computes densities column by column.
func IAF(columns, condition int) Spec {
	s := MAF(columns, condition)
	for i := range s.Layers {
		if s.Layers[i].Kind == "autoregressive" {
			s.Layers[i].Kind = "inverse-autoregressive"
		}
	}
	return s
}

// CFM is a continuous flow that is trained by flow matching (Lipman et al., 2023).
func CFM(columns, condition int) Spec {
	return repeat(columns, condition, 1, func(int) []LayerSpec {
		return []LayerSpec{{Kind: "continuous", Hidden: []int{128, 128, 128}}}
	})
}

// repeat is standardization and then the layers of block n times.
func repeat(columns, condition, n int, block func(i int) []LayerSpec) Spec {
	s := Spec{Columns: columns, Condition: condition, Base: BaseSpec{Kind: "normal"}, Layers: []LayerSpec{{Kind: "standardize"}}}
	for i := range n {
		s.Layers = append(s.Layers, block(i)...)
	}
	return s
}

// Torus is a flow of angles from −π to π: autoregressive circular splines from the uniform distribution (Rezende et al., 2020,
// "Normalizing Flows on Tori and Spheres").
func Torus(columns, condition int) Spec {
	s := Spec{Columns: columns, Condition: condition, Base: BaseSpec{Kind: "box", Low: -math.Pi, High: math.Pi}}
	for i := range 4 {
		s.Layers = append(s.Layers, LayerSpec{Kind: "autoregressive", Map: "circular", Hidden: []int{64, 64}, Flipped: i%2 == 1})
	}
	return s
}
