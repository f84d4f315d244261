//go:build unix

package doctor

import "syscall"

// freeBytes is what a user may still write where dir is; known is false when nobody says.
func freeBytes(dir string) (n int64, known bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true //nolint:unconvert // the types differ between systems
}
