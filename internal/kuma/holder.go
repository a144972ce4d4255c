package kuma

import (
	"slices"
	"strings"
)

// holderLabel begins the name of a label that notes one holder of a secret. The
// rest of the name is the holder's ID.
const holderLabel = "terraform-provider-kongmesh/holder-"

// Holders are the IDs that [Secret.WithHolders] noted, sorted.
func (s *Secret) Holders() ([]string, error) {
	labels, err := s.labels()
	holders := []string{}
	for label := range labels {
		if id, is := strings.CutPrefix(label, holderLabel); is {
			holders = append(holders, id)
		}
	}
	slices.Sort(holders)
	return holders, err
}

// WithHolders is a copy of the secret, nil being an empty one, that notes these
// holders and no others. All else that the secret has stays. An ID consists of
// at most 50 letters, digits and hyphens.
func (s *Secret) WithHolders(ids ...string) (*Secret, error) {
	changed := &Secret{Document: NewDocument()}
	if s != nil {
		changed.Document = s.Clone()
	}
	current, err := changed.Holders()
	if err != nil {
		return nil, err
	}
	err = changed.EditObject("labels", func(labels *Document) error {
		for _, id := range current {
			if !slices.Contains(ids, id) {
				labels.Delete(holderLabel + id)
			}
		}
		for _, id := range ids {
			if !slices.Contains(current, id) {
				labels.Set(holderLabel+id, text("true"))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return changed, nil
}

func (s *Secret) labels() (map[string]string, error) {
	labels := map[string]string{}
	err := s.Decode("labels", &labels)
	return labels, err
}
