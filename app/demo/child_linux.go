package demo

import (
	"os/exec"
	"syscall"
)

// dieWithParent keeps a killed demo from leaving its server behind. The group is its own, so that Ctrl-C
// reaches the demo alone, which then stops its server in order.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
