//go:build !unix

package acctest

import (
	"errors"
	"os/exec"
)

// Without process groups, a test cannot interrupt Terraform as Ctrl-C does.

func startsGroup(*exec.Cmd) {}

func interruptGroup(*exec.Cmd) error {
	return errors.New("this system has no process groups to interrupt")
}

func killGroup(command *exec.Cmd) error { return command.Process.Kill() }
