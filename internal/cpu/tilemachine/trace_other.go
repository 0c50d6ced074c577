//go:build !linux || !amd64

package tilemachine

// Run returns ErrUnavailable.
func Run(path string, args, env []string) (output []byte, instructions int, err error) {
	return nil, 0, ErrUnavailable
}
