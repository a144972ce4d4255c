package tfkit

import (
	"regexp"
	"strconv"
	"strings"
)

// FieldSteps are the steps of a field that the control plane names in a
// rejection, such as `spec.to[0].default["a.b"]`.
type FieldSteps [][]string

var fieldStep = regexp.MustCompile(`\["(.*?)"\]|\[(\d+)\]|([^.\[\]]+)`)

// NewFieldSteps splits a field at its dots and brackets.
func NewFieldSteps(field string) FieldSteps { return fieldStep.FindAllStringSubmatch(field, -1) }

// Below returns the steps below a path of members, such as `conf.cert`. ok is false
// if these are not the first steps.
func (f FieldSteps) Below(members string) (below FieldSteps, ok bool) {
	for name := range strings.SplitSeq(members, ".") {
		if f.Member() != name {
			return nil, false
		}
		f = f[1:]
	}
	return f, true
}

// Member returns the first step if it is a member, otherwise "".
func (f FieldSteps) Member() string { return f.first(3) }

// Key returns the first step if it is a key, otherwise "".
func (f FieldSteps) Key() string { return f.first(1) }

// Index returns the first step if it is an index.
func (f FieldSteps) Index() (index int, ok bool) {
	index, err := strconv.Atoi(f.first(2))
	return index, err == nil
}

func (f FieldSteps) first(group int) string {
	if len(f) == 0 {
		return ""
	}
	return f[0][group]
}
