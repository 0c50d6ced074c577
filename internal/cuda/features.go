package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// Features implements kernel.Device.
func (d *Device) Features() kernel.Features {
	arithmetic := "TF32"
	if d.Precision() == kernel.Highest {
		arithmetic = "float32"
	}
	return kernel.Features{
		Threads: 1, Precision: d.Precision(), Arithmetic: arithmetic, LinearGradients: d, Decoding: d, Accelerator: d, Suppression: d,
		Collectives: collectives{d}, Regions: regions{d},
	}
}

// Card implements kernel.Accelerator.
func (d *Device) Card() string { return d.info.Name }

// GraphUse implements kernel.Accelerator.
func (d *Device) GraphUse() string { return d.Graphs().String() }
