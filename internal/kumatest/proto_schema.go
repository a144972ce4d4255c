package kumatest

import "strings"

// legacySchemas returns the messages of older types by name. Their description in types/proto.txt has the form of that
// of the specs; a * means that an explicit default is kept.
func legacySchemas() map[string]*message {
	all := map[string]*message{}
	named := func(name string) *message {
		if all[name] == nil {
			all[name] = &message{}
		}
		return all[name]
	}
	readSections("types/proto.txt", func(name string, lines [][]string) {
		m := named(name)
		for _, words := range lines {
			m.fields = append(m.fields, readField(words, named))
		}
	})
	return all
}

func readField(words []string, named func(string) *message) field {
	f := field{name: words[0]}
	text := words[1]
	text, f.repeated = strings.CutPrefix(text, "[]")
	text, f.wrapped = strings.CutPrefix(text, "*")
	if rest, isMap := strings.CutPrefix(text, "map:"); isMap {
		f.kind = stringMapKind
		if rest != "string" {
			f.kind, f.message = messageMapKind, named(rest)
		}
		text = ""
	}
	for _, word := range words[2:] {
		rule, value, _ := strings.Cut(word, "=")
		switch rule {
		case "alias":
			f.alias = value
		case "oneof":
			f.oneOf = value
		case "enum":
			name, values, _ := strings.Cut(value, ":")
			f.enum = &enum{name: name, values: strings.Split(values, "|")}
		}
	}
	kinds := map[string]kind{
		"string": stringKind, "boolean": boolKind, "uint32": uint32Kind, "uint64": uint64Kind, "double": doubleKind,
		"bytes": bytesKind, "enum": enumKind, "duration": durationKind, "any": anyKind,
	}
	if known, ok := kinds[text]; ok {
		f.kind = known
	} else if text != "" {
		f.kind, f.message = objectKind, named(text)
	}
	return f
}
