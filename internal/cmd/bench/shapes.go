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

// shape returns the configuration in a file, with a part of it repeated for each number. It uses blocks instead of
// count: the edges in Terraform's graph from each instance to all of another resource cost more than any provider.
func shape(file string, size int) (string, error) {
	content, err := shapes.ReadFile("shapes/" + strings.Replace(file, hollow, kongmesh, 1) + ".tf")
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(file, hollow) {
		content = bytes.ReplaceAll(content, []byte(`"`+sources()[kongmesh]+`"`), []byte(`"`+sources()[hollow]+`"`))
	}
	head, each, found := strings.Cut(string(content), "# Once for each number N:\n")
	if !found {
		return "", fmt.Errorf("%s.tf does not define the objects for each number", file)
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
	builtin  = "terraform_data"
	hollow   = "hollow"
	kongmesh = "kongmesh"
)

// sources returns the source addresses of the providers.
func sources() map[string]string {
	return map[string]string{nothing: "bench/nothing", hollow: "bench/hollow", kongmesh: "kongmesh/kongmesh"}
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

func (s settings) rounds() []round {
	return []round{
		{"triples", "", []string{nothing, builtin, hollow, kongmesh}, resources(), s.Triples, s.Runs},
		{"reads", "_reads", []string{nothing, kongmesh}, reads(), s.Reads, s.Runs},
		{"large", "", []string{nothing, hollow, kongmesh}, growth(), s.Large, 1},
	}
}
