package kuma

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// Provided is the type of the backends whose CA is the user's own.
const Provided = "provided"

// Modes of a backend: what proxies accept. STRICT is the default, which the
// control plane leaves out of its answers.
const (
	Strict     = "STRICT"
	Permissive = "PERMISSIVE"
)

// Backend is one entry of mtls.backends. Cert and Key are of type "provided"
// alone, and empty for the others.
type Backend struct {
	Name, Type, Mode string
	Cert, Key        DataSource
	DPCert           *DPCert
	RootChain        *RootChain
}

// DPCert says how the certificates of proxies are made.
type DPCert struct {
	// Expiration is dpCert.rotation.expiration, see [ParseDuration].
	Expiration string
	// RequestTimeout is a duration of Go's form, "" for the default.
	RequestTimeout string
}

// RootChain says how the CA is loaded.
type RootChain struct {
	// RequestTimeout is a duration of Go's form, "" for the default.
	RequestTimeout string
}

// Equal reports whether two values mean the same. nil and an empty one do not:
// the control plane takes them for different.
func (r *RootChain) Equal(other *RootChain) bool {
	if r == nil || other == nil {
		return r == other
	}
	return sameGoDuration(r.RequestTimeout, other.RequestTimeout)
}

// DataSource is where the control plane finds a certificate or key. One of the
// fields is set.
type DataSource struct {
	Secret       string `json:"secret,omitempty"`       // name of a secret of the mesh
	Inline       string `json:"inline,omitempty"`       // base64
	InlineString string `json:"inlineString,omitempty"` // the text itself
	File         string `json:"file,omitempty"`         // path on the control plane's machine
}

// EnabledBackend is the name of the backend in use, "" when mTLS is off.
func (m *Mesh) EnabledBackend() (string, error) {
	mtls, err := m.Object("mtls")
	if err != nil {
		return "", err
	}
	var name string
	err = mtls.Decode("enabledBackend", &name)
	return name, err
}

// SkipValidation tells whether the control plane takes backends unchecked.
func (m *Mesh) SkipValidation() (bool, error) {
	mtls, err := m.Object("mtls")
	if err != nil {
		return false, err
	}
	var skip bool
	err = mtls.Decode("skipValidation", &skip)
	return skip, err
}

// Backends are the entries of mtls.backends in their order.
func (m *Mesh) Backends() ([]Backend, error) {
	mtls, err := m.Object("mtls")
	if err != nil {
		return nil, err
	}
	entries, err := mtls.Items("backends")
	if err != nil {
		return nil, fmt.Errorf("mtls.%w", err)
	}
	backends := make([]Backend, 0, len(entries))
	for i, entry := range entries {
		backend, err := parseBackend(entry)
		if err != nil {
			return nil, fmt.Errorf("mtls.backends[%d]: %w", i, err)
		}
		backends = append(backends, backend)
	}
	return backends, nil
}

// Backend finds an entry of mtls.backends by its name.
func (m *Mesh) Backend(name string) (Backend, bool, error) {
	backends, err := m.Backends()
	if err != nil {
		return Backend{}, false, err
	}
	for _, backend := range backends {
		if backend.Name == name {
			return backend, true, nil
		}
	}
	return Backend{}, false, nil
}

// Users are the names of the backends that refer to a secret.
func (m *Mesh) Users(secrets ...string) ([]string, error) {
	backends, err := m.Backends()
	if err != nil {
		return nil, err
	}
	users := []string{}
	for _, backend := range backends {
		for _, secret := range secrets {
			if backend.Cert.Secret == secret || backend.Key.Secret == secret {
				users = append(users, backend.Name)
				break
			}
		}
	}
	return users, nil
}

func parseBackend(entry *Document) (Backend, error) {
	var backend Backend
	if err := errors.Join(entry.Decode("name", &backend.Name), entry.Decode("type", &backend.Type)); err != nil {
		return Backend{}, err
	}
	backend.Mode = parseMode(entry.Get("mode"))
	dpCert, err := parseDPCert(entry)
	if err != nil {
		return Backend{}, err
	}
	backend.DPCert = dpCert
	if entry.Get("rootChain") != nil {
		backend.RootChain = &RootChain{}
		rootChain, err := entry.Object("rootChain")
		if err != nil {
			return Backend{}, err
		}
		if err := rootChain.Decode("requestTimeout", &backend.RootChain.RequestTimeout); err != nil {
			return Backend{}, fmt.Errorf("rootChain: %w", err)
		}
	}
	if backend.Type != Provided {
		return backend, nil
	}
	conf, err := entry.Object("conf")
	if err != nil {
		return Backend{}, err
	}
	if err := errors.Join(conf.Decode("cert", &backend.Cert), conf.Decode("key", &backend.Key)); err != nil {
		return Backend{}, fmt.Errorf("conf: %w", err)
	}
	return backend, nil
}

func parseDPCert(entry *Document) (*DPCert, error) {
	if entry.Get("dpCert") == nil {
		return nil, nil
	}
	var dpCert DPCert
	document, err := entry.Object("dpCert")
	if err != nil {
		return nil, err
	}
	rotation, err := document.Object("rotation")
	if err != nil {
		return nil, fmt.Errorf("dpCert: %w", err)
	}
	err = errors.Join(rotation.Decode("expiration", &dpCert.Expiration), document.Decode("requestTimeout", &dpCert.RequestTimeout))
	if err != nil {
		return nil, fmt.Errorf("dpCert: %w", err)
	}
	return &dpCert, nil
}

// parseMode reads an enumeration, which may be a name or a number, and is
// STRICT when it is left out.
func parseMode(value json.RawMessage) string {
	var name string
	if json.Unmarshal(value, &name) == nil && name != "" {
		return name
	}
	switch string(value) {
	case "", "null", "0":
		return Strict
	case "1":
		return Permissive
	}
	return string(value)
}

// SetBackend adds a provided backend, or changes the one of that name to what
// is wanted. Members of the entry that this package does not know stay, and so
// do those that already mean the same.
func (m *Mesh) SetBackend(wanted Backend) error {
	return m.EditObject("mtls", func(mtls *Document) error {
		return mtls.EditItems("backends", func(entries []*Document) ([]*Document, error) {
			index, current, err := findBackend(entries, wanted.Name)
			if err != nil {
				return nil, err
			}
			if index < 0 {
				entry := NewDocument()
				err := editBackend(entry, Backend{}, wanted)
				return append(entries, entry), err
			}
			if err := editBackend(entries[index], current, wanted); err != nil {
				return nil, fmt.Errorf("backends[%d]: %w", index, err)
			}
			return entries, nil
		})
	})
}

// SetRootChain changes how the CA of a backend of any type is loaded, nil for
// the defaults. Without a backend of that name it changes nothing.
func (m *Mesh) SetRootChain(name string, wanted *RootChain) error {
	return m.EditObject("mtls", func(mtls *Document) error {
		return mtls.EditItems("backends", func(entries []*Document) ([]*Document, error) {
			index, current, err := findBackend(entries, name)
			if err != nil || index < 0 {
				return entries, err
			}
			return entries, editRootChain(entries[index], current.RootChain, wanted)
		})
	})
}

// RemoveBackend takes a backend out, turns mTLS off if it is the enabled one,
// and leaves no empty mtls behind.
func (m *Mesh) RemoveBackend(name string) error {
	err := m.EditObject("mtls", func(mtls *Document) error {
		index := -1
		err := mtls.EditItems("backends", func(entries []*Document) ([]*Document, error) {
			var err error
			if index, _, err = findBackend(entries, name); err != nil || index < 0 {
				return entries, err
			}
			return slices.Delete(entries, index, index+1), nil
		})
		if index >= 0 && mtls.Get("backends") == nil {
			mtls.Delete("skipValidation") // it is about backends
		}
		return err
	})
	if err != nil {
		return err
	}
	return m.DisableBackend(name)
}

// EnableBackend makes a backend the one in use.
func (m *Mesh) EnableBackend(name string) error {
	return m.editMTLS(func(mtls *Document, enabled string) {
		if enabled != name {
			mtls.Set("enabledBackend", text(name))
		}
	})
}

// DisableBackend turns mTLS off if the backend is the one in use.
func (m *Mesh) DisableBackend(name string) error {
	return m.editMTLS(func(mtls *Document, enabled string) {
		if enabled == name {
			mtls.Delete("enabledBackend")
		}
	})
}

// SetSkipValidation says whether the control plane takes backends unchecked.
func (m *Mesh) SetSkipValidation(skip bool) error {
	current, err := m.SkipValidation()
	if err != nil || current == skip {
		return err
	}
	return m.editMTLS(func(mtls *Document, _ string) {
		if skip {
			mtls.Set("skipValidation", json.RawMessage("true"))
		} else {
			mtls.Delete("skipValidation")
		}
	})
}

func (m *Mesh) editMTLS(edit func(mtls *Document, enabled string)) error {
	return m.EditObject("mtls", func(mtls *Document) error {
		var enabled string
		if err := mtls.Decode("enabledBackend", &enabled); err != nil {
			return err
		}
		edit(mtls, enabled)
		return nil
	})
}

// findBackend finds an entry of a list of backends, with the index -1 if it is not there.
func findBackend(entries []*Document, name string) (index int, backend Backend, err error) {
	for i, entry := range entries {
		backend, err := parseBackend(entry)
		if err != nil {
			return -1, Backend{}, fmt.Errorf("backends[%d]: %w", i, err)
		}
		if backend.Name == name {
			return i, backend, nil
		}
	}
	return -1, Backend{}, nil
}

func editBackend(entry *Document, current, wanted Backend) error {
	if current.Name != wanted.Name {
		entry.Set("name", text(wanted.Name))
	}
	if current.Type != Provided {
		entry.Set("type", text(Provided))
		entry.Delete("conf") // that of another type means nothing here
	}
	err := entry.EditObject("conf", func(conf *Document) error {
		setSource(conf, "cert", current.Cert, wanted.Cert)
		setSource(conf, "key", current.Key, wanted.Key)
		return nil
	})
	if err != nil {
		return err
	}
	if wanted.DPCert == nil {
		entry.Delete("dpCert")
	} else if err := editDPCert(entry, current.DPCert, wanted.DPCert); err != nil {
		return err
	}
	if err := editRootChain(entry, current.RootChain, wanted.RootChain); err != nil {
		return err
	}
	switch mode := cmp.Or(wanted.Mode, Strict); {
	case mode == current.Mode: // which may be a number in the document
	case mode == Strict:
		entry.Delete("mode")
	default:
		entry.Set("mode", text(mode))
	}
	return nil
}

func editRootChain(entry *Document, current, wanted *RootChain) error {
	switch {
	case wanted == nil:
		entry.Delete("rootChain")
	case !current.Equal(wanted):
		rootChain, err := entry.Object("rootChain")
		if err != nil {
			return err
		}
		setText(rootChain, "requestTimeout", wanted.RequestTimeout)
		entry.Set("rootChain", rootChain.Bytes())
	}
	return nil
}

func editDPCert(entry *Document, current, wanted *DPCert) error {
	if current == nil {
		current = &DPCert{}
	}
	return entry.EditObject("dpCert", func(dpCert *Document) error {
		if !sameDuration(current.Expiration, wanted.Expiration) {
			rotation, err := dpCert.Object("rotation")
			if err != nil {
				return err
			}
			setText(rotation, "expiration", wanted.Expiration)
			dpCert.Set("rotation", rotation.Bytes())
		}
		if !sameGoDuration(current.RequestTimeout, wanted.RequestTimeout) {
			setText(dpCert, "requestTimeout", wanted.RequestTimeout)
		}
		return nil
	})
}

func setSource(conf *Document, name string, current, wanted DataSource) {
	if current == wanted {
		return
	}
	encoded, _ := json.Marshal(wanted) // strings always marshal
	conf.Set(name, encoded)
}

// setText sets a member, or takes it out when the value is empty.
func setText(d *Document, name, value string) {
	if value == "" {
		d.Delete(name)
		return
	}
	d.Set(name, text(value))
}

// sameDuration compares durations of the control plane's grammar.
func sameDuration(a, b string) bool {
	return same(a, b, ParseDuration)
}

// sameGoDuration compares durations of Go's grammar. The control plane gives
// "1.5s" back as "1.500s".
func sameGoDuration(a, b string) bool {
	return same(a, b, time.ParseDuration)
}

func same(a, b string, parse func(string) (time.Duration, error)) bool {
	if a == b {
		return true
	}
	x, errX := parse(a)
	y, errY := parse(b)
	return errX == nil && errY == nil && x == y
}

var backendField = regexp.MustCompile(`^mtls\.backends\[(\d+)\](?:\.(.+))?$`)

// BackendField is which backend a field path of a refusal is about, and what
// follows it: 0 and `conf.cert` of `mtls.backends[0].conf.cert`. ok is false
// when the path is about something else.
func BackendField(field string) (index int, rest string, ok bool) {
	match := backendField.FindStringSubmatch(field)
	if match == nil {
		return 0, "", false
	}
	index, err := strconv.Atoi(match[1])
	return index, match[2], err == nil
}
