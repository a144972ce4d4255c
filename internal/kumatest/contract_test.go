package kumatest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

type recording struct {
	Scenarios []struct {
		Scenario string     `json:"scenario"`
		Steps    []exchange `json:"steps"`
	} `json:"scenarios"`
}

type exchange struct {
	Method      string            `json:"method"`
	Path        string            `json:"path"`
	Headers     map[string]string `json:"request_headers"`
	Request     json.RawMessage   `json:"request"`
	RequestRaw  *string           `json:"request_raw"`
	Status      int               `json:"status"`
	ContentType *string           `json:"content_type"`
	Response    json.RawMessage   `json:"response"`
	Note        string            `json:"note"`
	DependsOn   string            `json:"depends_on"`
	After       float64           `json:"after_s"`
}

// TestContract replays the recordings of real control planes, each scenario against a fresh one here.
func TestContract(t *testing.T) {
	for _, test := range []struct {
		file    string
		options []kumatest.Option
		lasting bool // one control plane has answered all scenarios
		timed   bool // the recording has the waits that the answers depend on
	}{
		{file: "kuma-2.14.3.json"},
		{file: "kuma-2.7.29.json", options: []kumatest.Option{kumatest.Version("2.7.29")}},
		{file: "kuma-2.14.3-auth.json", options: []kumatest.Option{kumatest.Authentication()}},
		{file: "kuma-2.14.3-global.json", options: []kumatest.Option{kumatest.Global()}},
		{file: "kuma-2.14.3-readonly.json", options: []kumatest.Option{kumatest.ReadOnly()}},
		{file: "kuma-3.0-dev.json", options: []kumatest.Option{kumatest.Version("3.0-dev")}},
		{file: "kuma-2.14.3-policies.json", lasting: true},
		{file: "kuma-2.7.29-policies.json", options: []kumatest.Option{kumatest.Version("2.7.29")}, lasting: true},
		{file: "kuma-3.0-dev-policies.json", options: []kumatest.Option{kumatest.Version("3.0-dev")}, lasting: true},
		{file: "kuma-2.14.3-identity.json", lasting: true, timed: true},
		{file: "kuma-3.0-dev-identity.json", options: []kumatest.Option{kumatest.Version("3.0-dev")}, lasting: true, timed: true},
		{file: "kuma-2.14.3-identity-global.json", options: []kumatest.Option{kumatest.Global()}, lasting: true, timed: true},
	} {
		t.Run(strings.TrimSuffix(test.file, ".json"), func(t *testing.T) {
			recorded := readRecording(t, test.file)
			var agree, compared, all int
			lasting := newReplayer(test.options)
			for _, scenario := range recorded.Scenarios {
				t.Run(scenario.Scenario, func(t *testing.T) {
					replayer := lasting
					if !test.lasting {
						replayer = newReplayer(test.options)
					}
					replayer.timed = test.timed
					for i, step := range scenario.Steps {
						all++
						difference, applies := replayer.replay(step)
						if !applies {
							continue
						}
						compared++
						if difference == "" {
							agree++
							continue
						}
						t.Errorf("step %d: %s %s %s\n%s", i, step.Method, step.Path, step.Note, difference)
					}
				})
			}
			t.Logf("%s: %d of %d agree; %d more show a moment, not a rule", test.file, agree, compared, all-compared)
		})
	}
}

func readRecording(t *testing.T, file string) recording {
	t.Helper()
	var r recording
	if err := json.Unmarshal(readRaw(t, file), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func readRaw(t *testing.T, file string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "contract", file))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

type replayer struct {
	controlPlane *kumatest.ControlPlane
	clock        *clock
	secretPut    bool // since the last write of a mesh
	timed        bool // answers that depend on the time are compared
}

func newReplayer(options []kumatest.Option) *replayer {
	c := newClock()
	return &replayer{controlPlane: kumatest.New(append(options, kumatest.Clock(c.Now))...), clock: c}
}

const (
	cacheProperty = "secret cache"
	timeProperty  = "time"
	orderProperty = "order"
)

// replay sends one request and returns how the answer differs. An answer that depends on more than the requests
// is compared only where the property it depends on is one of the control plane here.
func (r *replayer) replay(step exchange) (difference string, applies bool) {
	isMeshWrite := step.Method == http.MethodPut && strings.Count(step.Path, "/") == 2
	withinCacheAge := strings.HasPrefix(step.DependsOn, cacheProperty)
	if isMeshWrite && r.secretPut && !withinCacheAge {
		r.clock.Advance(1200 * time.Millisecond)
		r.secretPut = false
	}
	if step.Method == http.MethodPut && strings.Contains(step.Path, "/secrets/") {
		r.secretPut = true
	}
	r.clock.Advance(time.Duration(step.After * float64(time.Second)))
	got := r.send(step)
	if strings.HasPrefix(step.DependsOn, timeProperty) && !r.timed {
		return "", false
	}
	if step.Status == 0 && got == nil { // the connection was dropped
		return "", true
	}
	if got == nil {
		return "  the connection was dropped", true
	}
	return compare(step, got), true
}

// send returns the answer, or nil if there is none because the connection was dropped.
func (r *replayer) send(step exchange) (answer *http.Response) {
	defer func() {
		reason := recover()
		if err, ok := reason.(error); reason != nil && (!ok || !errors.Is(err, http.ErrAbortHandler)) {
			panic(reason)
		}
	}()
	body := []byte(step.Request)
	if step.RequestRaw != nil {
		body = []byte(*step.RequestRaw)
	}
	request := httptest.NewRequest(step.Method, "http://localhost"+step.Path, bytes.NewReader(body))
	if step.Method == http.MethodPut || step.Method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range step.Headers {
		request.Header.Set(name, "Bearer "+strings.NewReplacer(
			"<admin token>", kumatest.AdminToken, "<reader token>", kumatest.ReaderToken).Replace(value))
	}
	response := httptest.NewRecorder()
	r.controlPlane.ServeHTTP(response, request)
	return response.Result()
}

func compare(want exchange, got *http.Response) string {
	var differences []string
	differ := func(what string, want, got any) {
		differences = append(differences, fmt.Sprintf("  %s\n  - recorded %v\n  + here     %v", what, want, got))
	}
	if got.StatusCode != want.Status {
		differ("status", want.Status, got.StatusCode)
	}
	wantType := ""
	if want.ContentType != nil {
		wantType = *want.ContentType
	}
	if gotType := got.Header.Get("Content-Type"); gotType != wantType {
		differ("content type", wantType, gotType)
	}
	var body bytes.Buffer
	if _, err := body.ReadFrom(got.Body); err != nil {
		return err.Error()
	}
	var wanted, answered any
	if err := json.Unmarshal(want.Response, &wanted); err != nil {
		return err.Error()
	}
	if err := json.Unmarshal(body.Bytes(), &answered); err != nil {
		answered = body.String()
	}
	if strings.HasPrefix(want.DependsOn, orderProperty) {
		sortFindings(wanted)
		sortFindings(answered)
	}
	if index, ok := wanted.(map[string]any); ok && want.Path == "/" && index["version"] == "unknown" {
		index["version"] = "<volatile>" // of a build without a version
	}
	diff("body", wanted, answered, differ)
	return strings.Join(differences, "\n")
}

// sortFindings sorts the findings of an error document, which a control plane lists in any order.
func sortFindings(document any) {
	refused, _ := document.(map[string]any)
	for _, list := range []string{"invalid_parameters", "causes"} {
		findings, _ := refused[list].([]any)
		slices.SortFunc(findings, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
}

// diff reports where two JSON values differ, except where the recording has a placeholder.
func diff(path string, want, got any, differ func(path string, want, got any)) {
	switch want := want.(type) {
	case map[string]any:
		gotMap, ok := got.(map[string]any)
		if !ok {
			differ(path, want, got)
			return
		}
		for _, name := range keysOf(want, gotMap) {
			wantMember, wanted := want[name]
			gotMember, given := gotMap[name]
			switch {
			case !given:
				differ(path+"."+name, wantMember, "(absent)")
			case !wanted:
				differ(path+"."+name, "(absent)", gotMember)
			default:
				diff(path+"."+name, wantMember, gotMember, differ)
			}
		}
	case []any:
		gotList, ok := got.([]any)
		if !ok || len(gotList) != len(want) {
			differ(path, want, got)
			return
		}
		for i := range want {
			diff(fmt.Sprintf("%s[%d]", path, i), want[i], gotList[i], differ)
		}
	case string:
		gotText, ok := got.(string)
		if want == "<volatile>" {
			return
		}
		want = strings.ReplaceAll(want, "<base>", "http://localhost")
		if !ok || want != gotText && want != strings.TrimSpace(gotText) {
			differ(path, want, got)
		}
	default:
		if want != got {
			differ(path, want, got)
		}
	}
}

func keysOf(a, b map[string]any) []string {
	var names []string
	for _, m := range []map[string]any{a, b} {
		for name := range m {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}
