package plots

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// label formats the value of a tick: 0.05, 250, 2.5k, 1.5M, 3e-07.
func label(v float64) string {
	switch a := math.Abs(v); {
	case a == 0:
		return "0"
	case a >= 1e10 || a < 1e-4:
		return strconv.FormatFloat(v, 'g', 4, 64)
	case a >= 1e6:
		return trim(v/1e6) + "M"
	case a >= 1e3:
		return trim(v/1e3) + "k"
	}
	return trim(v)
}

// trim rounds a computed value such as 0.30000000000000004.
func trim(v float64) string {
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 6, 64), 64)
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

type linearTicks struct{}

// Ticks returns about six multiples of 1, 2, 2.5 or 5 times a power of ten.
func (linearTicks) Ticks(lo, hi float64) []plot.Tick {
	const wanted = 6
	rough := hi/wanted - lo/wanted // the difference itself may overflow
	power := math.Pow(10, math.Floor(math.Log10(rough)))
	step := 10 * power
	for _, f := range []float64{1, 2, 2.5, 5} {
		if f*power >= rough {
			step = f * power
			break
		}
	}
	var ticks []plot.Tick
	for i := math.Ceil(lo/step - 1e-9); i <= hi/step+1e-9 && len(ticks) <= 2*wanted; i++ {
		ticks = append(ticks, plot.Tick{Value: i * step, Label: label(i * step)})
	}
	return ticks
}

type logTicks struct{}

// Ticks returns the powers of ten; in a small range also 2 and 5 times a power, in a large range every second or third power.
func (logTicks) Ticks(lo, hi float64) []plot.Tick {
	decades := math.Log10(hi) - math.Log10(lo)
	factors, step := []float64{1}, 1
	switch {
	case decades < 0.7: // less than a decade: linear ticks are denser
		return linearTicks{}.Ticks(lo, hi)
	case decades < 2.5:
		factors = []float64{1, 2, 5}
	case decades > 8:
		step = int(math.Ceil(decades / 8))
	}
	var ticks []plot.Tick
	for e := int(math.Floor(math.Log10(lo))); e <= int(math.Ceil(math.Log10(hi))); e++ {
		if e%step != 0 {
			continue
		}
		for _, f := range factors {
			if v := f * math.Pow10(e); v >= lo && v <= hi {
				ticks = append(ticks, plot.Tick{Value: v, Label: label(v)})
			}
		}
	}
	return ticks
}
