//go:build unix

package main

import (
	"bytes"
	"embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed shapes/*.tf
var shapes embed.FS

// shape returns the configuration of a subject, with a part of it repeated for each number. It uses blocks instead of
// count: the edges in Terraform's graph from each instance to all of another resource cost more than any provider.
func shape(subject, suffix string, size int) (string, error) {
	file := subject + suffix + ".tf"
	if subject == hollow || subject == base { // other providers with the same resources
		file = kongmesh + suffix + ".tf"
	}
	content, err := shapes.ReadFile("shapes/" + file)
	if err != nil {
		return "", err
	}
	content = bytes.ReplaceAll(content, []byte(`"`+sources()[kongmesh]+`"`), []byte(`"`+sources()[subject]+`"`))
	head, each, found := strings.Cut(string(content), "# Once for each number N:\n")
	if !found {
		return "", fmt.Errorf("%s does not define the objects for each number", file)
	}
	var all strings.Builder
	all.WriteString(head)
	for i := range size {
		n := strconv.Itoa(i)
		all.WriteString(strings.NewReplacer("_N", "_"+n, "-N", "-"+n).Replace(each))
	}
	return all.String(), nil
}

// What is measured, with the names in the tables.
const (
	nothing  = "nothing"
	requests = "requests" // the bare requests of kongmesh that change or read the objects
	hollow   = "hollow"
	base     = "base" // another build of kongmesh
	kongmesh = "kongmesh"
)

// sources returns the source addresses of the providers.
func sources() map[string]string {
	return map[string]string{nothing: "bench/nothing", hollow: "bench/hollow", base: "bench/base", kongmesh: "kongmesh/kongmesh"}
}

// A step is a command with its expected result.
type step struct {
	Name string
	args []string
	want func(size int) string
	env  string // additional environment
}

func text(s string) func(int) string { return func(int) string { return s } }

// resources returns the steps with sets of three resources, such as mesh, CA and backend.
func resources() []step {
	return []step{
		{Name: "apply", args: []string{"apply", "-auto-approve", "-no-color"}, want: func(size int) string {
			return fmt.Sprintf("Apply complete! Resources: %d added, 0 changed, 0 destroyed.", 3*size)
		}},
		{Name: "plan", args: []string{"plan", "-no-color"}, want: text("No changes.")},
		{Name: "plan with one change", args: []string{"plan", "-no-color", "-var=changed=-0"}, want: text("Plan: 0 to add, 1 to change, 0 to destroy.")},
		{Name: "refresh-only", args: []string{"apply", "-refresh-only", "-auto-approve", "-no-color"}, want: text("Apply complete! Resources: 0 added, 0 changed, 0 destroyed.")},
		{Name: "destroy", args: []string{"destroy", "-auto-approve", "-no-color"}, want: func(size int) string {
			return fmt.Sprintf("Destroy complete! Resources: %d destroyed.", 3*size)
		}},
	}
}

// growth returns the steps with many of these.
func growth() []step {
	all := resources()
	return []step{all[0], all[1], all[4]}
}

// reads returns the steps with a data source.
func reads() []step {
	return []step{{Name: "read", args: []string{"plan", "-no-color"}, want: text("No changes.")}}
}

// A round is a sequence of steps for each subject.
type round struct {
	Name     string
	suffix   string // of the names of the shapes' files
	subjects []string
	steps    []step
	size     int
	runs     int
}

// rounds returns the rounds. A real control plane is measured next to its requests alone.
func (s settings) rounds() []round {
	if s.Address != "" {
		return []round{{"triples", "", s.with(requests), resources(), s.Triples, s.Runs}}
	}
	return []round{
		{"triples", "", s.with(nothing, requests, hollow), resources(), s.Triples, s.Runs},
		{"reads", "_reads", s.with(nothing), reads(), s.Reads, s.Runs},
		{"large", "", s.with(nothing, hollow), growth(), s.Large, 1},
	}
}

// with adds the builds of the provider to subjects.
func (s settings) with(subjects ...string) []string {
	if s.Base != "" {
		subjects = append(subjects, base)
	}
	return append(subjects, kongmesh)
}
