package boxes

// distorted are torchvision's values of TestDistortions.
var distorted = struct{ contrast, saturation, hue, back []float32 }{
	contrast:   []float32{0.278381, 0.458381, 0.698381, 0.638381, 0.218381, 0.338381, 0.398381, 0.398381, 0.398381},
	saturation: []float32{0.07206, 0.52206, 1, 1, 0, 0.28399, 0.40002, 0.40002, 0.40002},
	hue:        []float32{0.2, 0.206, 0.9, 0.8, 0.194, 0.1, 0.4, 0.4, 0.4},
	back:       []float32{0.2, 0.9, 0.46, 0.46, 0.1, 0.8, 0.4, 0.4, 0.4},
}
