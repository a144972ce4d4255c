package kuma

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Provided is the type of backends that use the user's own CA.
const Provided = "provided"

// Modes of a backend: which connections proxies accept. STRICT is the default,
// which the control plane omits from its answers.
const (
	Strict     = "STRICT"
	Permissive = "PERMISSIVE"
)

// Backend is an entry of mtls.backends. Cert and Key are empty unless the type
// is "provided".
type Backend struct {
	Name, Type, Mode string
	Cert, Key        DataSource
	RootChain        *RootChain
}

// RootChain configures how the control plane loads the CA.
type RootChain struct {
	// RequestTimeout is a duration in Go's form, or "" for the default.
	RequestTimeout string
}

// Equal reports whether two values mean the same. nil and an empty one do not:
// the control plane treats them as different.
func (r *RootChain) Equal(other *RootChain) bool {
	if r == nil || other == nil {
		return r == other
	}
	return sameGoDuration(r.RequestTimeout, other.RequestTimeout)
}

// DataSource is the place of a certificate or key for the control plane. At most
// one field is set.
type DataSource struct {
	Secret       string `json:"secret,omitempty"`       // name of a secret of the mesh
	Inline       string `json:"inline,omitempty"`       // base64
	InlineString string `json:"inlineString,omitempty"` // the text itself
	File         string `json:"file,omitempty"`         // path on the control plane's machine
	EnvVar       string `json:"-"`                      // environment variable of the control plane, of a MeshIdentity alone
}

// EnabledBackend returns the name of the enabled backend, or "" if mTLS is off.
func (m *Mesh) EnabledBackend() (string, error) {
	return valueAt[string](m.Document, "mtls", "enabledBackend")
}

// SkipValidation reports whether the control plane accepts backends without
// validation.
func (m *Mesh) SkipValidation() (bool, error) {
	return valueAt[bool](m.Document, "mtls", "skipValidation")
}

// Backends returns the entries of mtls.backends in their order.
func (m *Mesh) Backends() ([]Backend, error) {
	entries, err := m.backendEntries()
	if err != nil {
		return nil, err
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

func (m *Mesh) backendEntries() ([]*Document, error) {
	mtls, err := m.Object("mtls")
	if err != nil {
		return nil, err
	}
	entries, err := mtls.Items("backends")
	if err != nil {
		return nil, fmt.Errorf("mtls.%w", err)
	}
	return entries, nil
}

// Backend returns the entry of mtls.backends with this name.
func (m *Mesh) Backend(name string) (Backend, bool, error) {
	backends, err := m.Backends()
	if i := slices.IndexFunc(backends, func(b Backend) bool { return b.Name == name }); i >= 0 {
		return backends[i], true, nil
	}
	return Backend{}, false, err
}

// Users returns the names of the backends that refer to one of these secrets.
func (m *Mesh) Users(secrets ...string) ([]string, error) {
	backends, err := m.Backends()
	if err != nil {
		return nil, err
	}
	users := []string{}
	for _, backend := range backends {
		if slices.Contains(secrets, backend.Cert.Secret) || slices.Contains(secrets, backend.Key.Secret) {
			users = append(users, backend.Name)
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

// parseMode returns the mode for an enumeration value: a name, a number, or
// nothing, which means STRICT.
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

// BackendEntry returns the entry of mtls.backends with this name, or an empty
// document.
func (m *Mesh) BackendEntry(name string) (*Document, error) {
	entries, err := m.backendEntries()
	if err != nil {
		return nil, err
	}
	index, _, err := findBackend(entries, name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("mtls.%w", err)
	case index < 0:
		return NewDocument(), nil
	}
	return entries[index], nil
}

// EditBackend calls edit with the entry of a provided backend, or with a new one
// of that name. Of a backend of another type, it keeps what all types have.
func (m *Mesh) EditBackend(name string, edit func(entry *Document) error) error {
	return m.EditObject("mtls", func(mtls *Document) error {
		return mtls.EditItems("backends", func(entries []*Document) ([]*Document, error) {
			index, current, err := findBackend(entries, name)
			if err != nil {
				return nil, err
			}
			if index < 0 {
				index, entries = len(entries), append(entries, NewDocument())
			}
			entry := entries[index]
			if current.Name != name {
				entry.Set("name", text(name))
			}
			if current.Type != Provided {
				entry.Set("type", text(Provided))
				entry.Delete("conf") // it has no meaning for this type
			}
			if err := edit(entry); err != nil {
				return nil, fmt.Errorf("backends[%d]: %w", index, err)
			}
			return entries, nil
		})
	})
}

// SetCA makes a provided backend use the CA in two secrets.
func (m *Mesh) SetCA(name, certificate, key string) error {
	return m.EditBackend(name, func(entry *Document) error {
		return entry.EditObject("conf", func(conf *Document) error {
			return errors.Join(setSource(conf, "cert", DataSource{Secret: certificate}), setSource(conf, "key", DataSource{Secret: key}))
		})
	})
}

// setSource sets a member, unless it already means the same.
func setSource(conf *Document, name string, wanted DataSource) error {
	var current DataSource
	if err := conf.Decode(name, &current); err != nil || current == wanted {
		return err
	}
	encoded, _ := json.Marshal(wanted) // strings always marshal
	conf.Set(name, encoded)
	return nil
}

// SetRootChain changes how the CA of a backend of any type is loaded; nil means
// the defaults. If no backend has that name, it changes nothing.
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

// RemoveBackend removes a backend, turns mTLS off if it is the enabled one, and
// leaves no empty mtls.
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
			mtls.Delete("skipValidation") // it only concerns backends
		}
		return err
	})
	if err != nil {
		return err
	}
	return m.DisableBackend(name)
}

// EnableBackend makes a backend the enabled one.
func (m *Mesh) EnableBackend(name string) error {
	if enabled, err := m.EnabledBackend(); err != nil || enabled == name {
		return err
	}
	return m.EditObject("mtls", func(mtls *Document) error { mtls.Set("enabledBackend", text(name)); return nil })
}

// DisableBackend turns mTLS off if the backend is the enabled one.
func (m *Mesh) DisableBackend(name string) error {
	if enabled, err := m.EnabledBackend(); err != nil || enabled != name {
		return err
	}
	return m.EditObject("mtls", func(mtls *Document) error { mtls.Delete("enabledBackend"); return nil })
}

// SetSkipValidation sets whether the control plane accepts backends without
// validation.
func (m *Mesh) SetSkipValidation(skip bool) error {
	return m.setFlag(skip, "mtls", "skipValidation")
}

// findBackend returns the entry for a backend, with the index -1 if there is
// none.
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

// setText sets a member, or removes it if the value is empty.
func setText(d *Document, name, value string) {
	if value == "" {
		d.Delete(name)
		return
	}
	d.Set(name, text(value))
}

// sameGoDuration reports whether two durations are equal in Go's grammar. The
// control plane returns "1.5s" as "1.500s".
func sameGoDuration(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := time.ParseDuration(a)
	y, errY := time.ParseDuration(b)
	return errX == nil && errY == nil && x == y
}
