package kernel

// Coupling describes an affine coupling (Dinh et al., 2017, eq. 7 and 8) of Rows rows of Cols columns. Active of these become
// x·exp(s) + t, or (x − t)·exp(−s) by the Inverse; the others pass.
//
// st holds [s', t] in each row, 2·Active numbers; s = tanh(s') when Bounded, else s'. The log-determinant of a row is
// Σ s, or −Σ s by the Inverse.
type Coupling struct {
	Rows, Cols, Active int
	Bounded, Inverse   bool

	// Rank (int32 [Cols]) numbers the columns: k ≥ 0 is the k-th active one, and ^k the k-th that passes, both ascending.
	Rank Buffer
	// Order (int32 [Cols], may be nil) permutes the result: its column j is what became of column Order[j].
	Order Buffer
}

// Passive is the number of columns that pass.
func (c Coupling) Passive() int { return c.Cols - c.Active }

// Couplings are the kernels of normalizing flows.
type Couplings interface {
	// CouplingInput writes the rows that a coupling's network sees: y[r] = [cond[r], the columns of x[r] that pass], for
	// cond [Rows, condition].
	CouplingInput(c Coupling, condition int, cond, x, y Buffer)
	// CouplingInputGrad is its adjoint in x. It adds to gx.
	CouplingInputGrad(c Coupling, condition int, gy, gx Buffer)
	// Coupling writes y, and logDet[r] = before[r] + the row's log-determinant; before may be nil.
	Coupling(c Coupling, x, st, before, y, logDet Buffer)
	// CouplingGrad is its adjoint: x is the input and y the output of the direction that was run.
	CouplingGrad(c Coupling, x, st, y, gy, gLogDet, gx, gst Buffer)
}
