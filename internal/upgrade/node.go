package upgrade

import (
	"fmt"
	"strings"
)

// A node is a value in a document of encoding/json, with its path.
type node struct {
	path  string
	value any
}

// at returns the values of a pattern: members joined with dots, with [] after the
// name of a list, whose elements it returns one by one. A missing member is left
// out.
func (p node) at(pattern string) []node {
	nodes := []node{p}
	for name := range strings.SplitSeq(pattern, ".") {
		member, isList := strings.CutSuffix(name, "[]")
		var next []node
		for _, parent := range nodes {
			child := parent.to(member)
			elements, _ := child.value.([]any)
			switch {
			case child.value == nil:
			case !isList:
				next = append(next, child)
			default:
				for i, element := range elements {
					next = append(next, node{fmt.Sprintf("%s[%d]", child.path, i), element})
				}
			}
		}
		nodes = next
	}
	return nodes
}

// to returns a member, whose value is nil if it is missing.
func (p node) to(member string) node {
	object, _ := p.value.(map[string]any)
	child := node{member, object[member]}
	if p.path != "" {
		child.path = p.path + "." + member
	}
	return child
}

func (p node) text() string {
	text, _ := p.value.(string)
	return text
}

// isSet reports whether a value is more than an empty one: the control plane
// adds some of those to its answers.
func (p node) isSet() bool { return isSet(p.value) }

func isSet(value any) bool {
	switch value := value.(type) {
	case nil:
		return false
	case string:
		return value != ""
	case []any:
		return len(value) > 0
	case map[string]any:
		for _, member := range value {
			if isSet(member) {
				return true
			}
		}
		return false
	default:
		return true
	}
}
