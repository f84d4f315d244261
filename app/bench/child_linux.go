package bench

import (
	"os/exec"
	"syscall"
)

// dieWithParent keeps a killed benchmark from leaving its server behind. The group is its own, so that
// Ctrl-C reaches the benchmark alone, which then stops its children in order.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
