package kumatest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file has the building blocks of rules for policies. A rule checks one value of a spec and returns its
// violations.

// A place is a value of a spec with its path.
type place struct {
	path  string
	value any
	spec  map[string]any // the whole spec
	set   releaseSet
}

type rule func(place) violations

func (p place) to(name string) place {
	object, _ := p.value.(map[string]any)
	p.path, p.value = joinPath(p.path, name), object[name]
	return p
}

func (p place) list() []place {
	list, _ := p.value.([]any)
	elements := make([]place, len(list))
	for i := range list {
		elements[i] = place{fmt.Sprintf("%s[%d]", p.path, i), list[i], p.spec, p.set}
	}
	return elements
}

func (p place) has(name string) bool { return p.to(name).value != nil }

func (p place) text() string {
	text, _ := p.value.(string)
	return text
}

func (p place) refuse(format string, args ...any) violations {
	return violations{{p.path, fmt.Sprintf(format, args...)}}
}

// topKind returns the kind that the whole policy refers to.
func (p place) topKind() string {
	if kind := (place{value: p.spec}).to("targetRef").to("kind").text(); kind != "" || p.set == in27 {
		return kind
	}
	return "Mesh"
}

// includesGateways reports whether the whole policy also applies to gateways.
func (p place) includesGateways() bool {
	types := (place{value: p.spec}).to("targetRef").to("proxyTypes").list()
	switch p.topKind() {
	case "MeshGateway", "MeshHTTPRoute":
		return true
	case "Mesh", "MeshSubset":
		return len(types) == 0 || slices.ContainsFunc(types, func(t place) bool { return t.text() == "Gateway" })
	default:
		return false
	}
}

// all applies rules one after the other.
func all(rules ...rule) rule {
	return func(p place) violations {
		var broken violations
		for _, r := range rules {
			broken = append(broken, r(p)...)
		}
		return broken
	}
}

// orElse applies rules up to the first one that is violated.
func orElse(rules ...rule) rule {
	return func(p place) violations {
		for _, r := range rules {
			if broken := r(p); len(broken) > 0 {
				return broken
			}
		}
		return nil
	}
}

// at applies rules to the value at a path of members.
func at(path string, rules ...rule) rule {
	return func(p place) violations {
		for name := range strings.SplitSeq(path, ".") {
			p = p.to(name)
		}
		return all(rules...)(p)
	}
}

// given applies rules to a member if it is present.
func given(path string, rules ...rule) rule {
	return at(path, func(p place) violations {
		if p.value == nil {
			return nil
		}
		return all(rules...)(p)
	})
}

// each applies rules to each element of a list.
func each(path string, rules ...rule) rule {
	return at(path, func(p place) violations {
		var broken violations
		for _, element := range p.list() {
			broken = append(broken, all(rules...)(element)...)
		}
		return broken
	})
}

// called applies rules under another name, because some texts of a control plane do not name the member itself.
func called(name, instead string, rules ...rule) rule {
	return func(p place) violations {
		value := p.to(name)
		value.path = joinPath(p.path, instead)
		return all(rules...)(value)
	}
}

// when applies rules if a condition is true.
func when(condition func(place) bool, rules ...rule) rule {
	return func(p place) violations {
		if !condition(p) {
			return nil
		}
		return all(rules...)(p)
	}
}

// in applies rules in some releases.
func in(set releaseSet, rules ...rule) rule {
	return when(func(p place) bool { return p.set&set != 0 }, rules...)
}

// refuse rejects any value.
func refuse(reason string) rule {
	return func(p place) violations { return p.refuse("%s", reason) }
}

// mustBe rejects a value for which a condition is false.
func mustBe(condition func(place) bool, reason string) rule {
	return when(not(condition), refuse(reason))
}

func not(condition func(place) bool) func(place) bool {
	return func(p place) bool { return !condition(p) }
}

// absent rejects a member that is present.
func absent(path, reason string) rule { return given(path, refuse(reason)) }

// defined rejects a missing member.
func defined(path string) rule {
	return at(path, mustBe(func(p place) bool { return p.value != nil }, "must be defined"))
}

// oneGiven rejects an object with none of these members.
func oneGiven(reason string, names ...string) rule {
	return mustBe(func(p place) bool { return slices.ContainsFunc(names, p.has) }, reason)
}

// oneListed rejects an object all of whose lists are empty.
func oneListed(reason string, names ...string) rule {
	return mustBe(func(p place) bool { return slices.ContainsFunc(names, p.listed) }, reason)
}

// notBoth rejects an object with a list and one of others.
func notBoth(reason, list string, others ...string) rule {
	return when(func(p place) bool { return p.listed(list) && slices.ContainsFunc(others, p.listed) }, refuse(reason))
}

func (p place) listed(name string) bool { return len(p.to(name).list()) > 0 }

func isKind(kinds ...string) func(place) bool {
	return func(p place) bool { return slices.Contains(kinds, p.topKind()) }
}

func isText(name string, values ...string) func(place) bool {
	return func(p place) bool { return slices.Contains(values, p.to(name).text()) }
}

func notEmpty(p place) violations {
	if p.text() != "" {
		return nil
	}
	return p.refuse("must not be empty")
}

// longerThan rejects a duration that is not longer, if it is present.
func longerThan(least time.Duration, reason string) rule {
	return func(p place) violations {
		if d, err := time.ParseDuration(p.text()); err == nil && d <= least {
			return p.refuse("%s", reason)
		}
		return nil
	}
}

func positiveTime() rule { return longerThan(0, "must be greater than zero when defined") }

func notNegativeTime() rule { return longerThan(-1, "must not be negative when defined") }

// positive rejects 0 for a number that is present.
func positive(reason string) rule {
	return func(p place) violations {
		if number, ok := p.value.(float64); ok && number <= 0 {
			return p.refuse("%s", reason)
		}
		return nil
	}
}

func positiveInteger() rule { return positive("must be greater than 0") }

// within rejects a number outside of a range.
func within(lowest, highest float64, reason string) rule {
	return func(p place) violations {
		if number, ok := p.value.(float64); ok && (number < lowest || number > highest) {
			return p.refuse("%s", reason)
		}
		return nil
	}
}

func port() rule { return within(1, 65535, "port must be a valid (1-65535)") }

func statusCode() rule { return within(100, 599, "must be in inclusive range [100, 599]") }

// decimal returns a number that may be a string.
func (p place) decimal() (float64, error) {
	if number, ok := p.value.(float64); ok {
		return number, nil
	}
	return strconv.ParseFloat(p.text(), 64)
}

// percentage rejects a present value that is not a percentage.
func percentage(zero bool) rule {
	return func(p place) violations {
		if p.value == nil {
			return nil
		}
		switch number, err := p.decimal(); {
		case err != nil:
			return p.refuse("string must be a valid number")
		case number < 0 || number > 100:
			return p.refuse("must be in inclusive range [0.0, 100.0]")
		case number == 0 && !zero:
			return p.refuse("must be greater than 0")
		}
		return nil
	}
}
