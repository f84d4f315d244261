//go:build !linux

package demo

import "os/exec"

// dieWithParent exists on Linux only, like the rest of what a benchmark needs.
func dieWithParent(*exec.Cmd) {}
