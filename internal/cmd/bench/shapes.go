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

// shape is the configuration in a file, with the part of it that is there once for each number. Blocks rather than
// count: from each instance to all of another resource, Terraform's graph has edges that cost more than any provider.
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

// What is measured, by the names that the tables have.
const (
	nothing  = "nothing"
	builtin  = "terraform_data"
	hollow   = "hollow"
	kongmesh = "kongmesh"
)

// sources are the providers' addresses in configurations.
func sources() map[string]string {
	return map[string]string{nothing: "bench/nothing", hollow: "bench/hollow", kongmesh: "kongmesh/kongmesh"}
}

// A step is a command and what it has to come to.
type step struct {
	Name string
	args []string
	want func(size int) string
	env  string // more of its environment
}

func text(s string) func(int) string { return func(int) string { return s } }

// resources are what is done with three resources each, mesh, CA and backend or the like.
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

// growth are the steps that are done with many of them.
func growth() []step {
	all := resources()
	return []step{all[0], all[1], all[4]}
}

// reads is what is done with a data source.
func reads() []step {
	return []step{{Name: "read", args: []string{"plan", "-no-color"}, want: text("No changes.")}}
}

// A round is a number of steps, one after the other, that every subject goes through beside the others.
type round struct {
	Name     string
	suffix   string // of the shapes' files
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
