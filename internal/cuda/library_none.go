//go:build !linux || !(amd64 || arm64) || nocuda

package cuda

import "runtime"

// openDriver returns the error that says why there is no driver.
func openDriver() (*driver, error) {
	if runtime.GOOS == "linux" {
		return nil, absent("this binary was built without CUDA (-tags nocuda, or a processor other than amd64 and arm64)")
	}
	return nil, absent("CUDA is supported on Linux only; on Windows, use WSL")
}
