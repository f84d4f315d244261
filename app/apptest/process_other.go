//go:build !linux

package apptest

import "os/exec"

// dieWithParent exists on Linux only: elsewhere a killed test leaves its server behind.
func dieWithParent(*exec.Cmd) {}
