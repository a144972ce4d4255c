package main

import (
	"os"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A release is built with the newest Go, and with nothing that has a known
// vulnerability.
func TestReleaseWorkflow(t *testing.T) {
	content, err := os.ReadFile(".github/workflows/release.yml")
	if err != nil {
		t.Fatal(err)
	}
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct {
				Uses, Run string
				With      map[string]any
			}
		}
	}
	if err := yaml.Unmarshal(content, &workflow); err != nil {
		t.Fatal(err)
	}
	var commands []string
	newest := false
	for _, step := range workflow.Jobs["release"].Steps {
		if step.Run != "" {
			commands = append(commands, step.Run)
		}
		newest = newest || step.With["go-version"] == "stable" && step.With["check-latest"] == true
	}
	if !newest {
		t.Error("the release does not take the newest Go")
	}
	if want := []string{"make vulncheck", "make release-check", "make release"}; !slices.Equal(commands, want) {
		t.Errorf("the release runs %q, want %q", commands, want)
	}
}
