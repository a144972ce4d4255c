package kumatest

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
)

// An answer is a complete HTTP response, separate from the connection so that a fault can drop or change it.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// jsonAnswer encodes value as the control plane does: indented by one space, with a newline at the end, and without
// escapes for HTML.
func jsonAnswer(status int, value any) answer {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(value); err != nil {
		return textAnswer(http.StatusInternalServerError, err.Error())
	}
	return answer{status: status, header: contentType("application/json"), body: body.Bytes()}
}

func textAnswer(status int, text string) answer {
	return answer{status: status, header: contentType("text/plain; charset=utf-8"), body: []byte(text)}
}

func contentType(value string) http.Header {
	return http.Header{"Content-Type": {value}}
}

func (a answer) writeTo(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	if len(a.body) < 2048 { // a real one sends longer answers in chunks
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client has closed the connection
}
