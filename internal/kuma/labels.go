package kuma

import (
	"maps"
	"slices"
	"strings"
)

// Labels returns the labels of users. The control plane's own labels have names
// in kuma.io or a subdomain.
func (d *Document) Labels() (map[string]string, error) {
	labels, err := d.AllLabels()
	for name := range labels {
		if ReservedLabel(name) {
			delete(labels, name)
		}
	}
	return labels, err
}

// ReservedLabel reports whether a label belongs to the control plane.
func ReservedLabel(name string) bool {
	domain, _, found := strings.Cut(name, "/")
	return found && (domain == "kuma.io" || strings.HasSuffix(domain, ".kuma.io"))
}

// AllLabels returns all labels, including those of the control plane.
func (d *Document) AllLabels() (map[string]string, error) {
	labels := map[string]string{}
	err := d.Decode("labels", &labels)
	return labels, err
}

// SetLabels replaces the labels of users.
func (d *Document) SetLabels(wanted map[string]string) error {
	current, err := d.Labels()
	if err != nil {
		return err
	}
	return d.EditObject("labels", func(labels *Document) error {
		for name := range current {
			if _, keep := wanted[name]; !keep {
				labels.Delete(name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(wanted)) {
			if value, there := current[name]; !there || value != wanted[name] {
				labels.Set(name, text(wanted[name]))
			}
		}
		return nil
	})
}
