package kernel

// Coupling describes an affine coupling layer (Dinh et al., 2017, eq. 7 and 8) of rows [Rows, Cols]. Active columns become
// x·exp(s) + t, or (x − t)·exp(−s) in the Inverse; passive columns stay as they are.
//
// st [Rows, 2·Active] holds s' and then t; s = tanh(s') when Bounded, else s'. The log-determinant of a row is Σ s, or −Σ s in
// the Inverse.
type Coupling struct {
	Rows, Cols, Active int
	Bounded, Inverse   bool

	// Index (int32 [Cols]) numbers the columns: k ≥ 0 for the k-th active column, and ^k for the k-th passive one, both ascending.
	Index Buffer
	// Order (int32 [Cols], may be nil) permutes the result: its column j is transformed column Order[j].
	Order Buffer
}

// Passive is the number of passive columns.
func (c Coupling) Passive() int { return c.Cols - c.Active }

// Couplings are the kernels of normalizing flows.
type Couplings interface {
	// CouplingInput writes the input of a coupling's network: y[r] = [cond[r], passive columns of x[r]], for
	// cond [Rows, condition].
	CouplingInput(c Coupling, condition int, cond, x, y Buffer)
	// CouplingInputGrad is its adjoint in x. It adds to gx.
	CouplingInputGrad(c Coupling, condition int, gy, gx Buffer)
	// Coupling writes y, and logDet[r] = before[r] + the row's log-determinant; before may be nil.
	Coupling(c Coupling, x, st, before, y, logDet Buffer)
	// CouplingGrad is its adjoint, for the input x and the output y of the same direction.
	CouplingGrad(c Coupling, x, st, y, gy, gLogDet, gx, gst Buffer)
}
