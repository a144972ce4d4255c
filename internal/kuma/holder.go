package kuma

import (
	"slices"
	"strings"
)

// holderLabel is the beginning of the name of a label for one holder of a
// secret. The rest of the name is the holder's ID.
const holderLabel = "terraform-provider-kongmesh/holder-"

// Holders returns the IDs that [Secret.WithHolders] recorded, sorted.
func (s *Secret) Holders() ([]string, error) {
	labels, err := s.AllLabels()
	holders := []string{}
	for label := range labels {
		if id, is := strings.CutPrefix(label, holderLabel); is {
			holders = append(holders, id)
		}
	}
	slices.Sort(holders)
	return holders, err
}

// A holderChange is a change by [Secret.WithHolders].
type holderChange struct{ added, removed []string }

// WithHolders returns a copy of the secret (of nil: an empty one) that records
// exactly these holders. The rest of the secret stays. If another client writes
// the secret in the meantime, [Client.PutSecret] applies the same change to the
// holders of the new version. An ID consists of at most 50 letters, digits and
// hyphens.
func (s *Secret) WithHolders(ids ...string) (*Secret, error) {
	changed := s.copy()
	current, err := changed.Holders()
	if err != nil {
		return nil, err
	}
	return changed, changed.change(holderChange{added: without(ids, current), removed: without(current, ids)})
}

// rebase returns a copy of now, which another client wrote after this version,
// with the change of holders of this version. nil is an empty secret.
func (s *Secret) rebase(now *Secret) (*Secret, error) {
	changed := now.copy()
	if s == nil {
		return changed, nil
	}
	return changed, changed.change(s.holders)
}

// copy returns an independent copy (of nil: an empty secret).
func (s *Secret) copy() *Secret {
	if s == nil {
		return &Secret{Document: NewDocument()}
	}
	return &Secret{Document: s.Clone(), holders: s.holders}
}

// isNew reports whether the secret does not come from the control plane.
func (s *Secret) isNew() bool { return s == nil || s.Get("type") == nil }

// change changes the holders, and records the change.
func (s *Secret) change(change holderChange) error {
	s.holders = change
	return s.EditObject("labels", func(labels *Document) error {
		for _, id := range change.removed {
			labels.Delete(holderLabel + id)
		}
		for _, id := range change.added {
			if labels.Get(holderLabel+id) == nil {
				labels.Set(holderLabel+id, text("true"))
			}
		}
		return nil
	})
}

// without returns the IDs that are not in others.
func without(ids, others []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(others, id) })
}
