package kuma

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestParseDocument(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:               `{}`,
		" \r\n{\"a\":1}\n": `{"a":1}`,
		`{ "a" : 1 }`:      `{ "a" : 1 }`,
	} {
		equal(t, text, string(mustParse(t, text).Bytes()), want)
	}
	for _, text := range []string{"", " ", "null", "[]", `"{}"`, "1", "{", `{"a":}`, "{}{}", "<html>", `{"a":1}x`} {
		if _, err := ParseDocument([]byte(text)); err == nil {
			t.Errorf("%q is taken for an object", text)
		}
	}
}

func TestDocumentIsACopy(t *testing.T) {
	source := []byte(`{"a":1}`)
	document, err := ParseDocument(source)
	noError(t, err)
	clone := document.Clone()
	source[5] = '2'
	document.Set("b", json.RawMessage("3"))
	equal(t, "the clone", string(clone.Bytes()), `{"a":1}`)
	equal(t, "the document", string(document.Bytes()), `{"a":1,"b":3}`)
}

func TestDocumentGet(t *testing.T) {
	for _, test := range []struct{ text, name, want string }{
		{`{"a":1,"b":2,"c":3}`, "a", "1"},
		{`{"a":1,"b":2,"c":3}`, "c", "3"},
		{`{"a":1}`, "b", ""},
		{`{"a":null}`, "a", ""},
		{`{"a": {"b":1} }`, "b", ""},
		{`{ "a" : [1, 2] , "b" : "x" }`, "a", "[1, 2]"},
		{`{"a":"}],{\"b\":1","b":2}`, "b", "2"},
		{`{"a":1,"a":2}`, "a", "2"},
		{`{"\u0061\n":1}`, "a\n", "1"},
		{`{"a\"b":1}`, `a"b`, "1"},
		{`{"":1}`, "", "1"},
		{`{"n":123456789012345678901234567890.10e+5}`, "n", "123456789012345678901234567890.10e+5"},
		{`{"A":1}`, "a", ""},
	} {
		equal(t, test.text+" "+test.name, string(mustParse(t, test.text).Get(test.name)), test.want)
	}
}

func TestDocumentSet(t *testing.T) {
	for _, test := range []struct{ text, name, value, want string }{
		{`{}`, "a", "1", `{"a":1}`},
		{`{ }`, "a", "1", `{"a":1 }`},
		{`{"a":1,"b":2,"c":3}`, "a", "9", `{"a":9,"b":2,"c":3}`},
		{`{"a":1,"b":2,"c":3}`, "b", "9", `{"a":1,"b":9,"c":3}`},
		{`{"a":1,"b":2,"c":3}`, "c", "9", `{"a":1,"b":2,"c":9}`},
		{`{"a":1}`, "b", "2", `{"a":1,"b":2}`},
		{"{\n  \"a\": 1\n}", "b", "2", "{\n  \"a\": 1,\"b\":2\n}"},
		{"{\n  \"a\" : 1 ,\n  \"b\" : [ ] }", "a", `{"x":0}`, "{\n  \"a\" : {\"x\":0} ,\n  \"b\" : [ ] }"},
		{`{"a":null}`, "a", "1", `{"a":1}`},
		{`{"a":1,"a":2}`, "a", "3", `{"a":1,"a":3}`},
		{`{"a":"]}","b":1.50}`, "c", "2", `{"a":"]}","b":1.50,"c":2}`},
		{`{"\u0061":1}`, "a", "2", `{"\u0061":2}`},
		{`{}`, "a\"\n", "1", `{"a\"\n":1}`},
		{`{"big":12345678901234567890123,"e":1E400}`, "x", "-0", `{"big":12345678901234567890123,"e":1E400,"x":-0}`},
	} {
		document := mustParse(t, test.text)
		document.Set(test.name, json.RawMessage(test.value))
		equal(t, test.text+" "+test.name, string(document.Bytes()), test.want)
	}
}

func TestDocumentDelete(t *testing.T) {
	for _, test := range []struct{ text, name, want string }{
		{`{}`, "a", `{}`},
		{`{"a":1}`, "a", `{}`},
		{`{ "a" : 1 }`, "a", `{  }`},
		{`{"a":1}`, "b", `{"a":1}`},
		{`{"a":1,"b":2,"c":3}`, "a", `{"b":2,"c":3}`},
		{`{"a":1,"b":2,"c":3}`, "b", `{"a":1,"c":3}`},
		{`{"a":1,"b":2,"c":3}`, "c", `{"a":1,"b":2}`},
		{"{\n \"a\" : 1 ,\n \"b\" : 2 ,\n \"c\" : 3\n}", "a", "{\n \n \"b\" : 2 ,\n \"c\" : 3\n}"},
		{"{\n \"a\" : 1 ,\n \"b\" : 2 ,\n \"c\" : 3\n}", "b", "{\n \"a\" : 1  ,\n \"c\" : 3\n}"},
		{"{\n \"a\" : 1 ,\n \"b\" : 2 ,\n \"c\" : 3\n}", "c", "{\n \"a\" : 1 ,\n \"b\" : 2 \n}"},
		{`{"a":null,"b":1}`, "a", `{"b":1}`},
		{`{"a":1,"b":2,"a":3}`, "a", `{"b":2}`},
		{`{"a":1,"a":2,"a":3}`, "a", `{}`},
		{`{"x":",","a":"{,[","y":","}`, "a", `{"x":",","y":","}`},
		{`{"a":{"b":1}}`, "b", `{"a":{"b":1}}`},
	} {
		document := mustParse(t, test.text)
		document.Delete(test.name)
		equal(t, test.text+" "+test.name, string(document.Bytes()), test.want)
		equal(t, test.text+" empty", document.Empty(), strings.Trim(test.want, "{} \n") == "")
	}
}

func TestDocumentObject(t *testing.T) {
	document := mustParse(t, `{"a":{"b":1},"null":null,"list":[],"e":{}}`)
	for name, want := range map[string]string{"a": `{"b":1}`, "null": `{}`, "absent": `{}`, "e": `{}`} {
		object, err := document.Object(name)
		noError(t, err)
		equal(t, name, string(object.Bytes()), want)
	}
	if _, err := document.Object("list"); err == nil || !strings.Contains(err.Error(), "list") {
		t.Errorf("a list is taken for an object: %v", err)
	}
	object, err := document.Object("a")
	noError(t, err)
	object.Set("b", json.RawMessage("2"))
	equal(t, "the document after its part changed", string(document.Get("a")), `{"b":1}`)
}

func TestDocumentDecode(t *testing.T) {
	document := mustParse(t, `{"s":"x","n":1,"null":null}`)
	kept := "kept"
	noError(t, document.Decode("absent", &kept))
	noError(t, document.Decode("null", &kept))
	equal(t, "an absent member", kept, "kept")
	noError(t, document.Decode("s", &kept))
	equal(t, "a text", kept, "x")
	if err := document.Decode("n", &kept); err == nil || !strings.HasPrefix(err.Error(), "n: ") {
		t.Errorf("a number as text: %v", err)
	}
}

func TestInsertAndRemoveInLists(t *testing.T) {
	for _, test := range []struct{ list, want string }{
		{`[]`, `[9]`}, {`[ ]`, `[9 ]`}, {`[1]`, `[1,9]`}, {"[ 1 , [2]\n]", "[ 1 , [2],9\n]"},
	} {
		equal(t, "insert into "+test.list, string(insert([]byte(test.list), []byte("9"))), test.want)
	}
	for _, test := range []struct {
		list  string
		index int
		want  string
	}{
		{`[1]`, 0, `[]`}, {`[1,2,3]`, 0, `[2,3]`}, {`[1,2,3]`, 1, `[1,3]`}, {`[1,2,3]`, 2, `[1,2]`},
		{`[ "," , "]" , {} ]`, 0, `[  "]" , {} ]`}, {`[ "," , "]" , {} ]`, 1, `[ ","  , {} ]`}, {`[ "," , "]" , {} ]`, 2, `[ "," , "]"  ]`},
	} {
		without := rewrite([]byte(test.list), func(i int, e element) (text []byte, keep bool) {
			return []byte(test.list[e.start:e.end]), i != test.index
		})
		equal(t, "remove from "+test.list, string(without), test.want)
	}
}

// others are the members of a document but one, each as it is written.
func others(document *Document, name string) string {
	var b strings.Builder
	for _, e := range elements(document.raw) {
		if e.name != name {
			b.WriteString(e.name + "\x00" + string(document.raw[e.start:e.end]) + "\x00")
		}
	}
	return b.String()
}

func FuzzDocument(f *testing.F) {
	for _, text := range []string{
		`{}`, `{ }`, `{"a":1}`, `{"a":1,"b":{"a":[1,{"a":2}]},"c":"}],"}`, `{"a":1,"a":2}`, "{\n\t\"a\" : null ,\r\n \"b\" : 1e400 }",
		`{"\u0061":"\ud800","":[],"\"":-0.0}`,
	} {
		f.Add(text, "a", `{"x":[]}`)
		f.Add(text, "b", "1.0")
		f.Add(text, "", " null ")
	}
	f.Fuzz(func(t *testing.T, text, name, value string) {
		document, err := ParseDocument([]byte(text))
		if err != nil || !json.Valid([]byte(value)) || !utf8.ValidString(name) {
			t.Skip()
		}
		value = strings.TrimSpace(value)
		before, rest := bytes.Clone(document.Bytes()), others(document, name)
		_, there := document.find(name)

		set := document.Clone()
		set.Set(name, json.RawMessage(value))
		if !json.Valid(set.Bytes()) {
			t.Fatalf("Set of %q made %s", name, set.Bytes())
		}
		if got := string(set.Get(name)); got != value && !(value == "null" && got == "") {
			t.Fatalf("Set of %q to %s gives %s", name, value, got)
		}
		equal(t, "the other members after Set", others(set, name), rest)

		deleted := set.Clone()
		deleted.Delete(name)
		if !json.Valid(deleted.Bytes()) || deleted.Get(name) != nil {
			t.Fatalf("Delete of %q made %s of %s", name, deleted.Bytes(), set.Bytes())
		}
		equal(t, "the other members after Delete", others(deleted, name), rest)

		document.Delete(name)
		if !there && !bytes.Equal(document.Bytes(), before) {
			t.Fatalf("Delete of %q, which is not there, made %s of %s", name, document.Bytes(), before)
		}
	})
}

// What cannot be read is not quoted: it may be anything.
func TestDecodeQuotesNothing(t *testing.T) {
	document := mustParse(t, `{"a":"`+testBody+`","b":{"`+testBody+`":1},"c":123456789012345678901234567890}`)
	var (
		at     time.Time
		number int8
		nested struct{ X struct{ Y int } }
	)
	for what, err := range map[string]error{
		"time":   document.Decode("a", &at),
		"number": document.Decode("a", &number),
		"object": document.Decode("a", &nested),
		"bytes":  document.Decode("a", new([]byte)),
		"list":   document.Decode("b", new([]string)),
		"range":  document.Decode("c", &number),
		"nested": mustParse(t, `{"a":{"X":{"Y":"`+testBody+`"}}}`).Decode("a", &nested),
	} {
		if err == nil || strings.Contains(err.Error(), testBody) || strings.Contains(err.Error(), "123456") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestEditObject(t *testing.T) {
	set := func(d *Document) error { d.Set("a", json.RawMessage("1")); return nil }
	drop := func(d *Document) error { d.Delete("a"); return nil }
	nothing := func(*Document) error { return nil }
	for _, test := range []struct {
		text string
		edit func(*Document) error
		want string
	}{
		{`{"x": 1}`, set, `{"x": 1,"o":{"a":1}}`},
		{`{"o":{ "b" : 1e400 }, "x":2}`, set, `{"o":{ "b" : 1e400,"a":1 }, "x":2}`},
		{`{"o": {"a":1,  "b":2}}`, drop, `{"o": {  "b":2}}`},
		{`{"o": {"a":1}, "x":2}`, drop, `{ "x":2}`},
		{`{"o": { } , "x":2}`, nothing, `{"o": { } , "x":2}`},
		{`{"o": null}`, nothing, `{"o": null}`},
		{`{"o": null}`, set, `{"o": {"a":1}}`},
	} {
		document := mustParse(t, test.text)
		noError(t, document.EditObject("o", test.edit))
		equal(t, test.text, string(document.Bytes()), test.want)
	}
	document := mustParse(t, `{"o": {}, "n": 1}`)
	if err := document.EditObject("n", nothing); err == nil {
		t.Error("a number is taken for an object")
	}
	failed := errors.New("no")
	if err := document.EditObject("o", func(*Document) error { return failed }); !errors.Is(err, failed) || !strings.HasPrefix(err.Error(), "o: ") {
		t.Errorf("the error of an edit becomes %v", err)
	}
}

func TestEditItems(t *testing.T) {
	item := mustParse(t, `{"n":"new"}`)
	// edit keeps the items of these names, writes their index into c, and adds more.
	edit := func(keep string, more []*Document) func([]*Document) ([]*Document, error) {
		return func(items []*Document) ([]*Document, error) {
			var kept []*Document
			for i, item := range items {
				var name string
				if err := item.Decode("n", &name); err != nil {
					return nil, err
				}
				if name == "c" {
					item.Set("i", json.RawMessage{byte('0' + i)})
				}
				if strings.Contains(keep, name) {
					kept = append(kept, item)
				}
			}
			return append(kept, more...), nil
		}
	}
	for _, test := range []struct {
		text, keep string
		more       []*Document
		want       string
	}{
		{`{"l": [ {"n":"a"} , {"n" : "b"} ]}`, "ab", nil, `{"l": [ {"n":"a"} , {"n" : "b"} ]}`},
		{`{"l": [ {"n":"a"} , {"n" : "b"} ]}`, "b", nil, `{"l": [  {"n" : "b"} ]}`},
		{`{"l": [ {"n":"a"} , {"n" : "b"} ]}`, "a", nil, `{"l": [ {"n":"a"}  ]}`},
		{`{"l":[{"n":"a"},{"n":"b"},{"n":"c","x":1e400}],"x":1}`, "c", nil, `{"l":[{"n":"c","x":1e400,"i":2}],"x":1}`},
		{`{"x":1,"l":[{"n":"a"}]}`, "", nil, `{"x":1}`},
		{`{"l":[]}`, "", nil, `{"l":[]}`},
		{`{"l":null}`, "", nil, `{"l":null}`},
		{`{}`, "", nil, `{}`},
		{`{}`, "", []*Document{item}, `{"l":[{"n":"new"}]}`},
		{`{"l":[{"n":"a"}]}`, "a", []*Document{item, item}, `{"l":[{"n":"a"},{"n":"new"},{"n":"new"}]}`},
		{`{"l":[{"n":"a"}]}`, "", []*Document{item}, `{"l":[{"n":"new"}]}`},
	} {
		document := mustParse(t, test.text)
		noError(t, document.EditItems("l", edit(test.keep, test.more)))
		equal(t, test.text, string(document.Bytes()), test.want)
	}
	for _, text := range []string{`{"l":{}}`, `{"l":[1]}`, `{"l":[{"n":1}]}`} {
		document := mustParse(t, text)
		if err := document.EditItems("l", edit("", nil)); err == nil {
			t.Errorf("%s is edited", text)
		}
		equal(t, "after an error", string(document.Bytes()), text)
	}
}

func TestDifference(t *testing.T) {
	for _, test := range []struct{ a, b, want string }{
		{`{"a":1}`, `{"a":1}`, ""},
		{`{"a":1,"b":{"c":{"d":1},"e":2}}`, `{"b":{"e":2}}`, "a b.c.d"},
		{`{}`, `{"networking":{"outbound":{"passthrough":false}},"l":[{"a":1}]}`, "networking.outbound.passthrough l"},
		{`{"l":[1]}`, `{"l":[2]}`, "l"},
		{`{"o":{}}`, `{"o":{ }}`, "o"},
		{`{"o":1}`, `{"o":{"a":1}}`, "o"},
		{`{"o":{"a":null}}`, `{}`, "o"},
	} {
		got := difference(mustParse(t, test.a), mustParse(t, test.b))
		equal(t, test.a+" "+test.b, strings.Join(got, " "), test.want)
	}
}

// A list of many items is edited in one pass. Item by item, this test takes
// longer than go test waits.
func TestEditItemsOfManyItems(t *testing.T) {
	const items = 30_000
	document := mustParse(t, `{"l":[`+strings.Repeat(`{"n":"a"},`, items)+`{"n":"b"}],"x":1`+strings.Repeat(`,"x":1`, items)+`}`)
	noError(t, document.EditItems("l", func(list []*Document) ([]*Document, error) { return list[items:], nil }))
	document.Delete("x")
	equal(t, "what is left", string(document.Bytes()), `{"l":[{"n":"b"}]}`)
}
