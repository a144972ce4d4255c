package kumatest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
)

// encode returns the document in the order of its fields, without fields that are not set.
func (d *document) encode() json.RawMessage {
	var b bytes.Buffer
	d.encodeTo(&b)
	return b.Bytes()
}

func (d *document) encodeTo(b *bytes.Buffer) {
	b.WriteByte('{')
	first := true
	for _, f := range d.message.fields {
		value, ok := d.values[f.name]
		if !ok || f.isDefault(value) {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		fmt.Fprintf(b, "%q:", f.name)
		f.encodeTo(b, value)
	}
	b.WriteByte('}')
}

// isDefault reports whether value is that of a field that is not set, so that it is not written.
func (f field) isDefault(value any) bool {
	if f.repeated {
		return len(value.([]any)) == 0
	}
	if f.wrapped || f.oneOf != "" {
		return false
	}
	switch value := value.(type) {
	case string:
		return value == ""
	case bool:
		return !value
	case uint32:
		return value == 0
	case float64:
		return value == 0
	case int32:
		return value == 0
	case uint64:
		return value == 0
	case map[string]*document:
		return len(value) == 0
	case []byte:
		return len(value) == 0
	case map[string]string:
		return len(value) == 0
	default:
		return false
	}
}

func (f field) encodeTo(b *bytes.Buffer, value any) {
	values, repeated := value.([]any)
	if !f.repeated || !repeated {
		f.encodeOne(b, value)
		return
	}
	b.WriteByte('[')
	for i, one := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		f.encodeOne(b, one)
	}
	b.WriteByte(']')
}

func (f field) encodeOne(b *bytes.Buffer, value any) {
	switch value := value.(type) {
	case *document:
		value.encodeTo(b)
	case map[string]*document:
		b.WriteByte('{')
		for i, name := range sortedKeys(value) {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(b, "%q:", name)
			value[name].encodeTo(b)
		}
		b.WriteByte('}')
	case uint64:
		fmt.Fprintf(b, "%q", fmt.Sprint(value))
	case time.Duration:
		fmt.Fprintf(b, "%q", formatDuration(value))
	case int32:
		if int(value) < len(f.enum.values) && value >= 0 {
			fmt.Fprintf(b, "%q", f.enum.values[value])
		} else {
			fmt.Fprint(b, value)
		}
	case float64:
		b.Write(formatDouble(value))
	default:
		text, err := json.Marshal(value)
		if err != nil {
			panic(err) // decode only returns kinds that have a JSON form
		}
		b.Write(text)
	}
}

func formatDouble(value float64) []byte {
	switch {
	case math.IsNaN(value):
		return []byte(`"NaN"`)
	case math.IsInf(value, 1):
		return []byte(`"Infinity"`)
	case math.IsInf(value, -1):
		return []byte(`"-Infinity"`)
	default:
		text, _ := json.Marshal(value) // it is finite
		return text
	}
}

// formatDuration formats seconds with 0, 3, 6 or 9 decimal places.
func formatDuration(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	text := fmt.Sprintf("%s%d.%09d", sign, d/time.Second, d%time.Second)
	text = strings.TrimSuffix(text, "000")
	text = strings.TrimSuffix(text, "000")
	return strings.TrimSuffix(text, ".000") + "s"
}

// untyped returns a document as untyped JSON.
func untyped(d *document) map[string]any {
	conf, err := decodeAny(d.encode())
	if err != nil {
		panic(err) // a document always encodes to a JSON object
	}
	return conf
}
