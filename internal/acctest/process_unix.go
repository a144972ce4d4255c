//go:build unix

package acctest

import (
	"os/exec"
	"syscall"
)

// startsGroup makes a command the leader of a new process group, as a shell
// does.
func startsGroup(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// interruptGroup interrupts the whole process group, as Ctrl-C in a terminal
// does.
func interruptGroup(command *exec.Cmd) error {
	return syscall.Kill(-command.Process.Pid, syscall.SIGINT)
}

func killGroup(command *exec.Cmd) error {
	return syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
}
