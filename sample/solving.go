package sample

import (
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/rectified"
)

// Solving says how the differential equation of a rectified flow is solved: the fields of [GenerateOptions] with these names.
type Solving struct {
	Steps                    int
	Solver                   string
	GuidanceFrom, GuidanceTo float64
}

// maxSteps is the largest number of passes or steps.
const maxSteps = 10_000

// Validate returns a [*fault.FieldError] for a value that no model allows.
func (s Solving) Validate() error {
	if s.Steps < 0 || s.Steps > maxSteps {
		return fault.Field("Steps", s.Steps, "must be from 1 to %d, or 0 for the default", maxSteps)
	}
	return rectified.CheckGuidanceTimes(s.GuidanceFrom, s.GuidanceTo)
}

// refuse returns a [*fault.FieldError] for a value that isn't zero, of a model that solves no equation.
func (s Solving) refuse(model string) error {
	const why = "which has no differential equation to solve"
	return refuse(model, refused{"Steps", s.Steps, s.Steps != 0, why}, refused{"Solver", s.Solver, s.Solver != "", why},
		refused{"GuidanceFrom", s.GuidanceFrom, s.GuidanceFrom != 0, why}, refused{"GuidanceTo", s.GuidanceTo, s.GuidanceTo != 0, why})
}

// solving returns the options that say how an equation is solved.
func (o GenerateOptions) solving() Solving {
	return Solving{Steps: o.Steps, Solver: o.Solver, GuidanceFrom: o.GuidanceFrom, GuidanceTo: o.GuidanceTo}
}
