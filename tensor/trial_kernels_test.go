package tensor

import (
	"reflect"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestTrialsCallEveryKernel checks that the trials of a GPU, with those of all packages in linked_test.go, leave no kernel
// untried.
func TestTrialsCallEveryKernel(t *testing.T) {
	r := &recorder{Device: openProcessorToTest(t).kernels, called: map[string]bool{}}
	if err := agrees(newDevice(r), openProcessorToTest(t), small, autoAgreement[kernel.Highest]); err != nil {
		t.Fatal(err)
	}
	noKernels := []string{"Name", "ElemSize", "Close", "Features", "Free", "Synchronize"}
	all := reflect.TypeFor[kernel.Device]()
	for i := range all.NumMethod() {
		if name := all.Method(i).Name; !r.called[name] && !slices.Contains(noKernels, name) {
			t.Errorf("no trial calls the kernel %s", name)
		}
	}
}

// recorder notes which kernels of a device are called. A kernel that is missing here counts as not called.
type recorder struct {
	kernel.Device
	called map[string]bool
}

type buffer = kernel.Buffer

// on notes a call and returns the device that serves it.
func (r *recorder) on(name string) kernel.Device {
	r.called[name] = true
	return r.Device
}

func (r *recorder) ActivationBiasGrad(a kernel.Activation, b float64, c, d int, e, f, g, h buffer) {
	r.on("ActivationBiasGrad").ActivationBiasGrad(a, b, c, d, e, f, g, h)
}
func (r *recorder) ActivationGrad(a kernel.Activation, b float64, c, d, e buffer) {
	r.on("ActivationGrad").ActivationGrad(a, b, c, d, e)
}
func (r *recorder) AdamStep(a kernel.Adam, b []kernel.AdamParam) { r.on("AdamStep").AdamStep(a, b) }
func (r *recorder) AddProduct(a, b int, c, d, e, f buffer) {
	r.on("AddProduct").AddProduct(a, b, c, d, e, f)
}
func (r *recorder) AddScaled(a float64, b, c buffer) { r.on("AddScaled").AddScaled(a, b, c) }
func (r *recorder) Alloc(a int) buffer               { return r.on("Alloc").Alloc(a) }
func (r *recorder) AllocInts(a int) buffer           { return r.on("AllocInts").AllocInts(a) }
func (r *recorder) ArgMax(a, b int, c, d buffer)     { r.on("ArgMax").ArgMax(a, b, c, d) }
func (r *recorder) Attention(a kernel.Attention, b, c, d, e, f, g buffer) {
	r.on("Attention").Attention(a, b, c, d, e, f, g)
}
func (r *recorder) AttentionGrad(a kernel.Attention, b, c, d, e, f, g, h, i, j, k buffer) {
	r.on("AttentionGrad").AttentionGrad(a, b, c, d, e, f, g, h, i, j, k)
}
func (r *recorder) BatchNorm(a kernel.BatchNorm, b, c, d, e, f, g buffer) {
	r.on("BatchNorm").BatchNorm(a, b, c, d, e, f, g)
}
func (r *recorder) BatchNormGrad(a kernel.BatchNorm, b, c, d, e, f, g, h, i, j, k buffer) {
	r.on("BatchNormGrad").BatchNormGrad(a, b, c, d, e, f, g, h, i, j, k)
}
func (r *recorder) BatchNormLogDet(a kernel.BatchNorm, b, c, d, e buffer) {
	r.on("BatchNormLogDet").BatchNormLogDet(a, b, c, d, e)
}
func (r *recorder) Binary(a kernel.Binary, b kernel.Broadcast, c, d, e buffer) {
	r.on("Binary").Binary(a, b, c, d, e)
}
func (r *recorder) Blur(a kernel.Windows, b, c buffer)      { r.on("Blur").Blur(a, b, c) }
func (r *recorder) BlurGrad(a kernel.Windows, b, c buffer)  { r.on("BlurGrad").BlurGrad(a, b, c) }
func (r *recorder) Conv2d(a kernel.Conv, b, c, d, e buffer) { r.on("Conv2d").Conv2d(a, b, c, d, e) }
func (r *recorder) Conv2dBackwardInput(a kernel.Conv, b, c, d, e buffer) {
	r.on("Conv2dBackwardInput").Conv2dBackwardInput(a, b, c, d, e)
}
func (r *recorder) Conv2dBackwardWeight(a kernel.Conv, b, c, d buffer) {
	r.on("Conv2dBackwardWeight").Conv2dBackwardWeight(a, b, c, d)
}
func (r *recorder) Copy(a kernel.Strided, b, c buffer) { r.on("Copy").Copy(a, b, c) }
func (r *recorder) Coupling(a kernel.Coupling, b, c, d, e, f buffer) {
	r.on("Coupling").Coupling(a, b, c, d, e, f)
}
func (r *recorder) CouplingGrad(a kernel.Coupling, b, c, d, e, f, g, h buffer) {
	r.on("CouplingGrad").CouplingGrad(a, b, c, d, e, f, g, h)
}
func (r *recorder) CouplingInput(a kernel.Coupling, b int, c, d, e buffer) {
	r.on("CouplingInput").CouplingInput(a, b, c, d, e)
}
func (r *recorder) CouplingInputGrad(a kernel.Coupling, b int, c, d buffer) {
	r.on("CouplingInputGrad").CouplingInputGrad(a, b, c, d)
}
func (r *recorder) CrossEntropy(a, b int, c, d, e buffer) {
	r.on("CrossEntropy").CrossEntropy(a, b, c, d, e)
}
func (r *recorder) CrossEntropyGrad(a, b int, c, d, e, f buffer) {
	r.on("CrossEntropyGrad").CrossEntropyGrad(a, b, c, d, e, f)
}
func (r *recorder) Download(a []float32, b buffer)   { r.on("Download").Download(a, b) }
func (r *recorder) DownloadInts(a []int32, b buffer) { r.on("DownloadInts").DownloadInts(a, b) }
func (r *recorder) Depthwise(a kernel.Depthwise, b, c, d, e buffer) {
	r.on("Depthwise").Depthwise(a, b, c, d, e)
}
func (r *recorder) DepthwiseGradInput(a kernel.Depthwise, b, c, d buffer) {
	r.on("DepthwiseGradInput").DepthwiseGradInput(a, b, c, d)
}
func (r *recorder) DepthwiseGradWeight(a kernel.Depthwise, b, c, d buffer) {
	r.on("DepthwiseGradWeight").DepthwiseGradWeight(a, b, c, d)
}
func (r *recorder) Dropout(a float64, b, c uint64, d, e buffer) {
	r.on("Dropout").Dropout(a, b, c, d, e)
}
func (r *recorder) Fill(a buffer, b float64)        { r.on("Fill").Fill(a, b) }
func (r *recorder) GatedGELU(a, b int, c, d buffer) { r.on("GatedGELU").GatedGELU(a, b, c, d) }
func (r *recorder) GatedGELUGrad(a, b int, c, d, e buffer) {
	r.on("GatedGELUGrad").GatedGELUGrad(a, b, c, d, e)
}
func (r *recorder) Gather(a kernel.Span, b, c, d buffer)  { r.on("Gather").Gather(a, b, c, d) }
func (r *recorder) Gemm(a kernel.Gemm, b, c, d, e buffer) { r.on("Gemm").Gemm(a, b, c, d, e) }
func (r *recorder) GroupNorm(a kernel.GroupNorm, b, c, d, e, f, g buffer) {
	r.on("GroupNorm").GroupNorm(a, b, c, d, e, f, g)
}
func (r *recorder) GroupNormGrad(a kernel.GroupNorm, b, c, d, e, f, g, h, i, j buffer) {
	r.on("GroupNormGrad").GroupNormGrad(a, b, c, d, e, f, g, h, i, j)
}
func (r *recorder) LayerNorm(a, b int, c float64, d, e, f, g, h, i buffer) {
	r.on("LayerNorm").LayerNorm(a, b, c, d, e, f, g, h, i)
}
func (r *recorder) LayerNormGrad(a, b int, c, d, e, f, g, h, i, j buffer) {
	r.on("LayerNormGrad").LayerNormGrad(a, b, c, d, e, f, g, h, i, j)
}
func (r *recorder) Lerp(a float64, b, c buffer)        { r.on("Lerp").Lerp(a, b, c) }
func (r *recorder) MaxPool(a kernel.Pool, b, c buffer) { r.on("MaxPool").MaxPool(a, b, c) }
func (r *recorder) MaxPoolGrad(a kernel.Pool, b, c, d buffer) {
	r.on("MaxPoolGrad").MaxPoolGrad(a, b, c, d)
}
func (r *recorder) Normal(a, b uint64, c buffer) { r.on("Normal").Normal(a, b, c) }
func (r *recorder) PairLoss(a kernel.PairLoss, b, c float64, d, e, f buffer) {
	r.on("PairLoss").PairLoss(a, b, c, d, e, f)
}
func (r *recorder) PairLossGrad(a kernel.PairLoss, b, c float64, d, e, f, g buffer) {
	r.on("PairLossGrad").PairLossGrad(a, b, c, d, e, f, g)
}
func (r *recorder) Reduce(a kernel.Reduce, b kernel.Span, c float64, d, e buffer) {
	r.on("Reduce").Reduce(a, b, c, d, e)
}
func (r *recorder) Rotary(a kernel.Rotary, b, c, d, e buffer) { r.on("Rotary").Rotary(a, b, c, d, e) }
func (r *recorder) SparseProduct(a kernel.Sparse, b, c, d, e, f buffer) {
	r.on("SparseProduct").SparseProduct(a, b, c, d, e, f)
}
func (r *recorder) ScatterAdd(a kernel.Span, b, c, d buffer) {
	r.on("ScatterAdd").ScatterAdd(a, b, c, d)
}
func (r *recorder) Softmax(a bool, b kernel.Span, c, d buffer) { r.on("Softmax").Softmax(a, b, c, d) }
func (r *recorder) SoftmaxGrad(a bool, b kernel.Span, c, d, e buffer) {
	r.on("SoftmaxGrad").SoftmaxGrad(a, b, c, d, e)
}
func (r *recorder) Spline(a kernel.Spline, b, c, d, e buffer) { r.on("Spline").Spline(a, b, c, d, e) }
func (r *recorder) SplineGrad(a kernel.Spline, b, c, d, e, f, g buffer) {
	r.on("SplineGrad").SplineGrad(a, b, c, d, e, f, g)
}
func (r *recorder) SumSquares(a []buffer) float64 { return r.on("SumSquares").SumSquares(a) }
func (r *recorder) SumWindows(a kernel.Windows, b float64, c, d buffer) {
	r.on("SumWindows").SumWindows(a, b, c, d)
}
func (r *recorder) SumTo(a kernel.Broadcast, b, c buffer)        { r.on("SumTo").SumTo(a, b, c) }
func (r *recorder) Unary(a kernel.Unary, b float64, c, d buffer) { r.on("Unary").Unary(a, b, c, d) }
func (r *recorder) UnaryGrad(a kernel.Unary, b float64, c, d, e, f buffer) {
	r.on("UnaryGrad").UnaryGrad(a, b, c, d, e, f)
}
func (r *recorder) Uniform(a, b uint64, c buffer)  { r.on("Uniform").Uniform(a, b, c) }
func (r *recorder) Upload(a buffer, b []float32)   { r.on("Upload").Upload(a, b) }
func (r *recorder) UploadInts(a buffer, b []int32) { r.on("UploadInts").UploadInts(a, b) }
func (r *recorder) Upsample(a kernel.Windows, b float64, c, d buffer) {
	r.on("Upsample").Upsample(a, b, c, d)
}
